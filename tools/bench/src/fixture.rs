//! What the functions work on: the demo data and a hundred messages more, over HTTP and over TLS.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::Method;
use dev::stack::{Stack, listen};
use dev::tls::{self, TlsEnd};
use dev::{Error, demo};
use serde_json::Value;
use tempfile::TempDir;

/// How many messages the conversation has beside those of the demo.
const MESSAGES: usize = 100;

/// A local stack with data, and the ways to it.
pub struct World {
    stack: Stack,
    tls: TlsEnd,
    plain: String,
    api: String,
    client: reqwest::Client,
    /// A message of Kevin's.
    pub message: String,
    events: AtomicUsize,
    _folder: TempDir,
}

/// How a function reaches the engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// As production reaches DynamoDB.
    Tls,
    /// Without TLS.
    Plain,
}

impl World {
    /// Over TLS, the engine answers each call `latency` later.
    pub async fn new(latency: Duration) -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        let stack = Stack::start(None).await?;
        demo::load(&stack.store).await?;
        let plain = stack.engine.url();
        let engine = plain.trim_start_matches("http://").parse()?;
        let tls = tls::before(engine, latency, folder.path()).await?;
        let listener = listen("127.0.0.1", 0).await?;
        let api = format!("http://{}", listener.local_addr()?);
        let router = stack.api(&stack.store)?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut world = Self {
            stack,
            tls,
            plain,
            api,
            client: reqwest::Client::new(),
            message: String::new(),
            events: AtomicUsize::new(0),
            _folder: folder,
        };
        for _ in 0..MESSAGES {
            world.message = world.sends().await?;
        }
        Ok(world)
    }

    /// How many events there were so far.
    pub fn number(&self) -> usize {
        self.events.fetch_add(1, Ordering::Relaxed)
    }

    /// The environment of a function that reaches the engine this way.
    pub fn variables(&self, way: Way) -> Vec<(&str, &str)> {
        let endpoint = match way {
            Way::Tls => &self.tls.url,
            Way::Plain => &self.plain,
        };
        let [bundle, system] = [&self.tls.bundle, &self.tls.system_bundle]
            .map(|path| path.to_str().unwrap_or_default());
        let others = [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_SESSION_TOKEN", "local"),
            ("AWS_CA_BUNDLE", bundle),
            ("SSL_CERT_FILE", system),
        ];
        let endpoint = [("DYNAMODB_ENDPOINT", endpoint.as_str())];
        self.stack
            .variables()
            .chain(others)
            .chain(endpoint)
            .collect()
    }

    /// Sends a message as Kevin; its id.
    pub async fn sends(&self) -> Result<String, Error> {
        let form = format!("conversation_id={}&message=hello", demo::CONVERSATION);
        self.asks(Method::POST, "/v1/messages", form).await
    }

    /// Begins a conversation of Kevin with Kate and, if wanted, Linnie; its id.
    pub async fn begins(&self, with_linnie: bool) -> Result<String, Error> {
        let third = if with_linnie {
            "&participants[]=inEIRvzjC6YLMX3o"
        } else {
            ""
        };
        let form = format!("name=bench&participants[]=hSIhXBhNe8X1d8Et{third}");
        self.asks(Method::POST, "/v1/conversations", form).await
    }

    /// Issues a token of Kevin's; its id.
    pub async fn issues(&self) -> Result<String, Error> {
        self.asks(Method::POST, "/v1/tokens", "label=bench".to_owned())
            .await
    }

    /// Asks the API for something as Kevin; the id of what came of it.
    async fn asks(&self, method: Method, path: &str, form: String) -> Result<String, Error> {
        let request = self.client.request(method, format!("{}{path}", self.api));
        let request = request
            .header("authorization", "Bearer citypay_demo_kevin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let answer = request.send().await?.error_for_status()?.text().await?;
        let answer: Value = serde_json::from_str(&answer)?;
        let id = answer["id"].as_str().ok_or("an answer without an id")?;
        Ok(id.to_owned())
    }
}
