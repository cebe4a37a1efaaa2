//! A client of the API, with a method for each operation.

use std::sync::OnceLock;

use reqwest::Method;
use serde_json::Value;
use shared::id::{ContactId, ConversationId};

use super::Response;

/// A JSON body.
#[derive(Clone, Debug)]
pub struct Json(pub Value);

/// A contact that calls the API.
#[derive(Clone, Debug)]
pub struct Person {
    pub url: String,
    pub id: ContactId,
    pub username: String,
    pub token: String,
    /// The conversation that the methods below use.
    pub conversation: ConversationId,
}

/// A body and its content type.
pub struct Body {
    content_type: Option<&'static str>,
    bytes: Vec<u8>,
}

impl From<&str> for Body {
    /// A form, as `curl -d` sends it.
    fn from(form: &str) -> Self {
        Self {
            content_type: Some("application/x-www-form-urlencoded"),
            bytes: form.into(),
        }
    }
}

impl From<String> for Body {
    fn from(form: String) -> Self {
        form.as_str().into()
    }
}

impl From<Json> for Body {
    fn from(Json(value): Json) -> Self {
        Self {
            content_type: Some("application/json"),
            bytes: value.to_string().into(),
        }
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self {
            content_type: None,
            bytes: Vec::new(),
        }
    }
}

impl From<(&'static str, &[u8])> for Body {
    /// Any bytes with any content type; an empty one means no `Content-Type` header.
    fn from((content_type, bytes): (&'static str, &[u8])) -> Self {
        Self {
            content_type: Some(content_type).filter(|text| !text.is_empty()),
            bytes: bytes.into(),
        }
    }
}

impl Person {
    /// A person with a random id and token, for which no contact exists yet.
    pub fn new(url: &str, name: &str, conversation: ConversationId) -> Self {
        let id = ContactId::random();
        let token = format!("token_{}", ContactId::random());
        Self {
            url: url.to_owned(),
            username: format!("{name}.{id}"),
            id,
            token,
            conversation,
        }
    }

    /// The same person, calling another host.
    pub fn at(&self, url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..self.clone()
        }
    }

    /// The same person with another token; an empty one means no `Authorization` header.
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// The same person, in another conversation.
    pub fn within(&self, conversation: ConversationId) -> Self {
        Self {
            conversation,
            ..self.clone()
        }
    }

    /// The phone number, derived from the id.
    pub fn phone_number(&self) -> String {
        let digits = self.id.to_string().into_bytes().into_iter();
        let digits: String = digits.map(|byte| char::from(b'0' + byte % 10)).collect();
        format!("+49-{digits}")
    }

    /// Sends a request with these headers, and with the token unless they contain `authorization`.
    pub async fn requests(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Response {
        static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
        // A connection must not outlive the runtime of its test.
        let client = || {
            reqwest::Client::builder()
                .pool_max_idle_per_host(0)
                .build()
                .unwrap()
        };
        let Body {
            content_type,
            bytes,
        } = body.into();
        let mut request = CLIENT
            .get_or_init(client)
            .request(method, format!("{}{path}", self.url));
        if !self.token.is_empty() && !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let response = request.body(bytes).send().await.expect("the API responds");
        let (status, headers) = (response.status(), response.headers().clone());
        Response {
            status,
            headers,
            text: response.text().await.expect("the body is text"),
        }
    }

    /// Sends a GET request.
    pub async fn gets(&self, path: &str) -> Response {
        self.requests(Method::GET, path, &[], ()).await
    }

    /// Sends a POST request.
    pub async fn posts(&self, path: &str, body: impl Into<Body>) -> Response {
        self.requests(Method::POST, path, &[], body).await
    }

    /// Sends a PUT request.
    pub async fn puts(&self, path: &str, body: impl Into<Body>) -> Response {
        self.requests(Method::PUT, path, &[], body).await
    }

    /// Gets a message.
    pub async fn gets_message(&self, id: &str) -> Response {
        self.gets(&format!("/v1/messages/{id}")).await
    }

    /// Lists messages of the conversation.
    pub async fn lists_messages(&self, query: &str) -> Response {
        self.gets(&format!(
            "/v1/messages?conversation_id={}&{query}",
            self.conversation
        ))
        .await
    }

    /// Lists messages of all conversations.
    pub async fn lists_inbox(&self, query: &str) -> Response {
        self.gets(&format!("/v1/messages?{query}")).await
    }

    /// Tries to send a message.
    pub async fn tries_to_send(&self, text: &str) -> Response {
        self.tries_to_send_with(&[], text).await
    }

    /// Tries to send a message with an `Idempotency-Key`.
    pub async fn sends_with_key(&self, key: &str, text: &str) -> Response {
        self.tries_to_send_with(&[("idempotency-key", key)], text)
            .await
    }

    async fn tries_to_send_with(&self, headers: &[(&str, &str)], text: &str) -> Response {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("conversation_id", &self.conversation.to_string())
            .append_pair("message", text)
            .finish();
        self.requests(Method::POST, "/v1/messages", headers, form)
            .await
    }

    /// Sends a message. Returns its id.
    pub async fn sends(&self, text: &str) -> String {
        let response = self.tries_to_send(text).await.is(201);
        response.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Updates a message.
    pub async fn updates_message(&self, id: &str, body: impl Into<Body>) -> Response {
        self.puts(&format!("/v1/messages/{id}"), body).await
    }

    /// Updates a message with `If-Match`.
    pub async fn updates_message_if_match(&self, id: &str, tag: &str, form: &str) -> Response {
        let (path, headers) = (format!("/v1/messages/{id}"), [("if-match", tag)]);
        self.requests(Method::PUT, &path, &headers, form).await
    }

    /// Reacts to a message.
    pub async fn reacts(&self, id: &str, emoji: &str) -> Response {
        self.updates_message(id, format!("reactions[{emoji}][]={}", self.username))
            .await
    }

    /// Deletes a message.
    pub async fn deletes_message(&self, id: &str) -> Response {
        self.requests(Method::DELETE, &format!("/v1/messages/{id}"), &[], ())
            .await
    }

    /// Tries to create a conversation with others, by their usernames; `more` is the rest of the form.
    pub async fn tries_to_create_conversation(&self, others: &[&Person], more: &str) -> Response {
        let others = others
            .iter()
            .map(|other| format!("participants[]={}&", other.username));
        let form = others.collect::<String>() + more;
        self.posts("/v1/conversations", form).await
    }

    /// Creates a conversation with others. Returns the same person in it.
    pub async fn creates_conversation(&self, others: &[&Person], more: &str) -> Self {
        let conversation = self
            .tries_to_create_conversation(others, more)
            .await
            .is(201)
            .json();
        self.within(conversation["id"].as_str().unwrap().parse().unwrap())
    }

    /// Gets the conversation.
    pub async fn gets_conversation(&self) -> Response {
        self.gets(&format!("/v1/conversations/{}", self.conversation))
            .await
    }

    /// Lists conversations.
    pub async fn lists_conversations(&self, query: &str) -> Response {
        self.gets(&format!("/v1/conversations?{query}")).await
    }

    /// Updates the conversation.
    pub async fn updates_conversation(&self, form: &str) -> Response {
        self.puts(&format!("/v1/conversations/{}", self.conversation), form)
            .await
    }

    /// Leaves the conversation.
    pub async fn leaves_conversation(&self) -> Response {
        let path = format!("/v1/conversations/{}", self.conversation);
        self.requests(Method::DELETE, &path, &[], ()).await
    }

    /// Adds a participant to the conversation.
    pub async fn adds_participant(&self, other: &Person) -> Response {
        let path = format!("/v1/conversations/{}/participants", self.conversation);
        let form = format!("participants[]={}", other.username);
        self.posts(&path, form).await
    }

    /// Removes a participant from the conversation.
    pub async fn removes_participant(&self, other: &Person) -> Response {
        let conversation = self.conversation;
        let path = format!("/v1/conversations/{conversation}/participants/{}", other.id);
        self.requests(Method::DELETE, &path, &[], ()).await
    }

    /// Revokes a token.
    pub async fn revokes_token(&self, id: &str) -> Response {
        self.requests(Method::DELETE, &format!("/v1/tokens/{id}"), &[], ())
            .await
    }
}
