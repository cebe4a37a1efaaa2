//! The stack and the data that the functions are measured with.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::Method;
use local_stack::stack::{Stack, listen};
use local_stack::tls::TlsProxy;
use local_stack::{Error, demo};
use serde_json::Value;
use shared::store::Limits;
use tempfile::TempDir;

/// Messages of the conversation in addition to those of the demo data.
const EXTRA_MESSAGES: usize = 100;

/// A local stack with demo data.
pub struct Fixture {
    stack: Stack,
    tls: TlsProxy,
    plain_url: String,
    files_url: String,
    api_url: String,
    http: reqwest::Client,
    /// A message that Kevin has sent.
    pub message_id: String,
    event_count: AtomicUsize,
    _directory: TempDir,
}

/// How a function connects to the engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// As for DynamoDB in production.
    Tls,
    Plain,
}

impl Fixture {
    /// Delays each response of the engine over TLS by `latency`.
    pub async fn new(latency: Duration) -> Result<Self, Error> {
        let directory = tempfile::tempdir()?;
        let stack = Stack::start(None).await?;
        demo::load(&stack.store, &stack.bucket).await?;
        let plain_url = stack.engine.url();
        let engine = plain_url.trim_start_matches("http://").parse()?;
        let tls = TlsProxy::start(engine, latency, directory.path()).await?;
        let listener = listen("127.0.0.1", 0).await?;
        let api_url = format!("http://{}", listener.local_addr()?);
        let router = stack.api(&stack.store.clone().with_limits(Limits::default()))?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut fixture = Self {
            files_url: stack.bucket.url(),
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
            fixture.message_id = fixture.create_message().await?;
        }
        Ok(fixture)
    }

    /// Returns a number that is different for each event.
    pub fn next_number(&self) -> usize {
        self.event_count.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the environment variables of a function.
    pub fn variables(&self, transport: Transport) -> Vec<(&str, &str)> {
        let endpoint = match transport {
            Transport::Tls => &self.tls.url,
            Transport::Plain => &self.plain_url,
        };
        let [bundle, system] = [&self.tls.ca_bundle, &self.tls.system_ca_bundle]
            .map(|path| path.to_str().unwrap_or_default());
        let fixed = [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_SESSION_TOKEN", "local"),
            ("AWS_CA_BUNDLE", bundle),
            ("SSL_CERT_FILE", system),
            // Never reached.
            ("BUDGET_UNITS", "1000000000000"),
            ("KEY_BUDGET_UNITS", "1000000000000"),
            ("CONVERSATIONS_PER_DAY", "1000000000000"),
            ("PARTICIPANTS_PER_DAY", "1000000000000"),
            ("UPLOADS_PER_DAY", "1000000000000"),
            ("UPLOAD_BYTES_PER_DAY", "1000000000000"),
            ("WEBHOOKS", "true"),
            ("FILES_URL", &self.files_url),
        ];
        let endpoint = [("DYNAMODB_ENDPOINT", endpoint.as_str())];
        self.stack
            .variables()
            .chain(fixed)
            .chain(endpoint)
            .collect()
    }

    /// Sends a message as Kevin and returns its id.
    pub async fn create_message(&self) -> Result<String, Error> {
        let form = format!("conversation_id={}&message=hello", demo::CONVERSATION_ID);
        self.create("/v1/messages", form).await
    }

    /// Creates a conversation of Kevin, Kate and optionally Linnie, and returns its id.
    pub async fn create_conversation(&self, with_linnie: bool) -> Result<String, Error> {
        let third_participant = if with_linnie {
            "&participants[]=inEIRvzjC6YLMX3o"
        } else {
            ""
        };
        let form = format!("name=bench&participants[]=hSIhXBhNe8X1d8Et{third_participant}");
        self.create("/v1/conversations", form).await
    }

    /// Creates an attachment of Kevin and returns its id.
    pub async fn create_attachment(&self) -> Result<String, Error> {
        self.create("/v1/attachments", attachment_form()).await
    }

    /// Reports a message and returns the id of the report.
    pub async fn create_report(&self) -> Result<String, Error> {
        let message = self.create_message().await?;
        let path = format!("/v1/messages/{message}/report");
        self.create(&path, String::new()).await
    }

    /// Creates a token of Kevin and returns its id.
    pub async fn create_token(&self) -> Result<String, Error> {
        self.create("/v1/tokens", "label=bench".to_owned()).await
    }

    /// Revokes all tokens of Kevin but the one that the requests use.
    pub async fn revoke_tokens(&self) -> Result<(), Error> {
        let path = "/v1/tokens";
        self.send(Method::DELETE, path, String::new()).await?;
        Ok(())
    }

    /// Creates a webhook of Kevin, the only one, and returns its id.
    pub async fn create_webhook(&self) -> Result<String, Error> {
        self.delete_webhooks().await?;
        self.create("/v1/webhooks", "url=https://hooks.example.com".to_owned())
            .await
    }

    /// Puts a test delivery to a webhook of Kevin, and returns its id.
    pub async fn test_webhook(&self, id: &str) -> Result<String, Error> {
        self.create(&format!("/v1/webhooks/{id}/test"), String::new())
            .await
    }

    /// Deletes all webhooks of Kevin.
    pub async fn delete_webhooks(&self) -> Result<(), Error> {
        let list = self
            .send(Method::GET, "/v1/webhooks", String::new())
            .await?;
        let list: Value = serde_json::from_str(&list)?;
        for webhook in list["data"].as_array().into_iter().flatten() {
            let id = webhook["id"].as_str().ok_or("a webhook has no id")?;
            self.send(Method::DELETE, &format!("/v1/webhooks/{id}"), String::new())
                .await?;
        }
        Ok(())
    }

    /// Sends a request to the API as Kevin and returns the body of the response.
    async fn send(&self, method: Method, path: &str, form: String) -> Result<String, Error> {
        let request = self.http.request(method, format!("{}{path}", self.api_url));
        let request = request
            .header("authorization", "Bearer citypay_demo_kevin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        Ok(request.send().await?.error_for_status()?.text().await?)
    }

    /// Sends a request to the API as Kevin and returns the id of the created resource.
    async fn create(&self, path: &str, form: String) -> Result<String, Error> {
        let response = self.send(Method::POST, path, form).await?;
        let response: Value = serde_json::from_str(&response)?;
        let id = response["id"].as_str().ok_or("the response has no id")?;
        Ok(id.to_owned())
    }
}

/// The form of an upload of Kevin.
pub fn attachment_form() -> String {
    let conversation = demo::CONVERSATION_ID;
    format!(
        "conversation_id={conversation}&filename=house.jpg&file_size=53072&file_type=image/jpeg"
    )
}
