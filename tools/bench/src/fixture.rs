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
const EXTRA_MESSAGES: usize = 100;

/// A local stack with data, and the ways to it.
pub struct Fixture {
    stack: Stack,
    tls: TlsEnd,
    plain_url: String,
    api_url: String,
    http: reqwest::Client,
    /// A message of Kevin's.
    pub message_id: String,
    event_count: AtomicUsize,
    _directory: TempDir,
}

/// How a function reaches the engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// As production reaches DynamoDB.
    Tls,
    /// Without TLS.
    Plain,
}

impl Fixture {
    /// Over TLS, the engine answers each call `latency` later.
    pub async fn new(latency: Duration) -> Result<Self, Error> {
        let directory = tempfile::tempdir()?;
        let stack = Stack::start(None).await?;
        demo::load(&stack.store).await?;
        let plain_url = stack.engine.url();
        let engine = plain_url.trim_start_matches("http://").parse()?;
        let tls = tls::before(engine, latency, directory.path()).await?;
        let listener = listen("127.0.0.1", 0).await?;
        let api_url = format!("http://{}", listener.local_addr()?);
        let router = stack.api(&stack.store)?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut fixture = Self {
            stack,
            tls,
            plain_url,
            api_url,
            http: reqwest::Client::new(),
            message_id: String::new(),
            event_count: AtomicUsize::new(0),
            _directory: directory,
        };
        for _ in 0..EXTRA_MESSAGES {
            fixture.message_id = fixture.sends().await?;
        }
        Ok(fixture)
    }

    /// How many events there were so far.
    pub fn number(&self) -> usize {
        self.event_count.fetch_add(1, Ordering::Relaxed)
    }

    /// The environment of a function that reaches the engine this way.
    pub fn variables(&self, transport: Transport) -> Vec<(&str, &str)> {
        let endpoint = match transport {
            Transport::Tls => &self.tls.url,
            Transport::Plain => &self.plain_url,
        };
        let [bundle, system] = [&self.tls.bundle, &self.tls.system_bundle]
            .map(|path| path.to_str().unwrap_or_default());
        let fixed = [
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
            .chain(fixed)
            .chain(endpoint)
            .collect()
    }

    /// Sends a message as Kevin; its id.
    pub async fn sends(&self) -> Result<String, Error> {
        let form = format!("conversation_id={}&message=hello", demo::CONVERSATION);
        self.request(Method::POST, "/v1/messages", form).await
    }

    /// Begins a conversation of Kevin with Kate and, if wanted, Linnie; its id.
    pub async fn begins(&self, with_linnie: bool) -> Result<String, Error> {
        let third_participant = if with_linnie {
            "&participants[]=inEIRvzjC6YLMX3o"
        } else {
            ""
        };
        let form = format!("name=bench&participants[]=hSIhXBhNe8X1d8Et{third_participant}");
        self.request(Method::POST, "/v1/conversations", form).await
    }

    /// Issues a token of Kevin's; its id.
    pub async fn issues(&self) -> Result<String, Error> {
        self.request(Method::POST, "/v1/tokens", "label=bench".to_owned())
            .await
    }

    /// Asks the API for something as Kevin; the id of what came of it.
    async fn request(&self, method: Method, path: &str, form: String) -> Result<String, Error> {
        let request = self.http.request(method, format!("{}{path}", self.api_url));
        let request = request
            .header("authorization", "Bearer citypay_demo_kevin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let response = request.send().await?.error_for_status()?.text().await?;
        let response: Value = serde_json::from_str(&response)?;
        let id = response["id"].as_str().ok_or("an answer without an id")?;
        Ok(id.to_owned())
    }
}
