//! Somebody with a token, and all that one can do with it.

use std::sync::OnceLock;

use reqwest::Method;
use serde_json::Value;
use shared::id::{ContactId, ConversationId};

use super::Response;

/// A body that is JSON.
#[derive(Clone, Debug)]
pub struct Json(pub Value);

/// Somebody who calls the API.
#[derive(Clone, Debug)]
pub struct Person {
    pub url: String,
    pub id: ContactId,
    pub username: String,
    pub token: String,
    /// Where this person says things, if nothing else is said.
    pub conversation: ConversationId,
}

/// A body, and the type that it says it has.
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
    /// Any bytes, of any type; of none, if that is empty.
    fn from((content_type, bytes): (&'static str, &[u8])) -> Self {
        Self {
            content_type: Some(content_type).filter(|text| !text.is_empty()),
            bytes: bytes.into(),
        }
    }
}

impl Person {
    /// Somebody whom the API does not know yet.
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

    /// The same person, at another host.
    pub fn at(&self, url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..self.clone()
        }
    }

    /// The same person, with another token.
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

    pub fn phone_number(&self) -> String {
        let digits = self.id.to_string().into_bytes().into_iter();
        let digits: String = digits.map(|byte| char::from(b'0' + byte % 10)).collect();
        format!("+49-{digits}")
    }

    /// Sends a request with these headers, and with a token if the person has one.
    pub async fn requests(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Response {
        static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
        // No connection outlives its test's runtime.
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
        let response = request.body(bytes).send().await.expect("the API answers");
        let (status, headers) = (response.status(), response.headers().clone());
        Response {
            status,
            headers,
            text: response.text().await.expect("the answer is text"),
        }
    }

    pub async fn gets(&self, path: &str) -> Response {
        self.requests(Method::GET, path, &[], ()).await
    }

    pub async fn posts(&self, path: &str, body: impl Into<Body>) -> Response {
        self.requests(Method::POST, path, &[], body).await
    }

    pub async fn puts(&self, path: &str, body: impl Into<Body>) -> Response {
        self.requests(Method::PUT, path, &[], body).await
    }

    /// Reads a message.
    pub async fn gets_message(&self, id: &str) -> Response {
        self.gets(&format!("/v1/messages/{id}")).await
    }

    /// Lists the person's conversation, or that part of it which `query` says.
    pub async fn lists_messages(&self, query: &str) -> Response {
        self.gets(&format!(
            "/v1/messages?conversation_id={}&{query}",
            self.conversation
        ))
        .await
    }

    /// Lists all of the person's messages, or that part of them which `query` says.
    pub async fn lists_inbox(&self, query: &str) -> Response {
        self.gets(&format!("/v1/messages?{query}")).await
    }

    /// Tries to send a message.
    pub async fn tries_to_send(&self, text: &str) -> Response {
        self.tries_to_send_with(&[], text).await
    }

    /// Tries to send a message under an idempotency key.
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

    /// Sends a message; its id.
    pub async fn sends(&self, text: &str) -> String {
        let answer = self.tries_to_send(text).await.is(201);
        answer.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Changes a message.
    pub async fn updates_message(&self, id: &str, body: impl Into<Body>) -> Response {
        self.puts(&format!("/v1/messages/{id}"), body).await
    }

    /// Changes a message, if `If-Match` says so.
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

    /// Tries to begin a conversation with others, by their usernames; `more` is the rest of the form.
    pub async fn tries_to_create_conversation(&self, others: &[&Person], more: &str) -> Response {
        let others = others
            .iter()
            .map(|other| format!("participants[]={}&", other.username));
        let form = others.collect::<String>() + more;
        self.posts("/v1/conversations", form).await
    }

    /// Begins a conversation with others; the same person in it.
    pub async fn creates_conversation(&self, others: &[&Person], more: &str) -> Self {
        let answer = self
            .tries_to_create_conversation(others, more)
            .await
            .is(201)
            .json();
        self.within(answer["id"].as_str().unwrap().parse().unwrap())
    }

    /// Reads the person's conversation.
    pub async fn gets_conversation(&self) -> Response {
        self.gets(&format!("/v1/conversations/{}", self.conversation))
            .await
    }

    /// Lists the person's conversations.
    pub async fn lists_conversations(&self, query: &str) -> Response {
        self.gets(&format!("/v1/conversations?{query}")).await
    }

    /// Changes the person's conversation.
    pub async fn updates_conversation(&self, form: &str) -> Response {
        self.puts(&format!("/v1/conversations/{}", self.conversation), form)
            .await
    }

    /// Leaves the person's conversation.
    pub async fn leaves_conversation(&self) -> Response {
        let path = format!("/v1/conversations/{}", self.conversation);
        self.requests(Method::DELETE, &path, &[], ()).await
    }

    /// Lets somebody else take part in the person's conversation.
    pub async fn adds_participant(&self, other: &Person) -> Response {
        let path = format!("/v1/conversations/{}/participants", self.conversation);
        let form = format!("participants[]={}", other.username);
        self.posts(&path, form).await
    }

    /// Ends the part of somebody in the person's conversation.
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
