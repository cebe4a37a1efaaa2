//! A client of the API, with a method for each operation.

use std::fmt::Display;

use local_stack::client::Reply;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use shared::id::{ContactId, ConversationId};

use super::contract::{self, Exchange};
use super::s3::uploads_to_s3;
use super::{Response, client};

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
    /// The contact that a server key acts for; empty for none.
    pub on_behalf_of: String,
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
            on_behalf_of: String::new(),
        }
    }

    /// The same server key on behalf of a contact.
    pub fn on_behalf_of(&self, contact: impl Display) -> Self {
        Self {
            on_behalf_of: contact.to_string(),
            ..self.clone()
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

    /// The same person with the id of another contact.
    pub fn with_id(&self, id: ContactId) -> Self {
        Self { id, ..self.clone() }
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

    /// Sends a request with these headers, and with the token unless they contain `authorization`. Fails unless request
    /// and response keep the contract.
    pub async fn requests(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Response {
        let Body {
            content_type,
            bytes,
        } = body.into();
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut headers: Vec<_> = headers.iter().map(owned).collect();
        if !self.token.is_empty() && !headers.iter().any(|(name, _)| name == "authorization") {
            headers.push(("authorization".to_owned(), format!("Bearer {}", self.token)));
        }
        if !self.on_behalf_of.is_empty() {
            headers.push(("on-behalf-of".to_owned(), self.on_behalf_of.clone()));
        }
        if let Some(content_type) = content_type {
            headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        // Escapes what a client's URL cannot have.
        let url = Url::parse(&format!("{}{path}", self.url)).expect("the path is valid");
        let reply = client().send(method.clone(), url.as_str(), &headers, bytes.clone());
        let Reply {
            status,
            headers: response_headers,
            body,
        } = reply.await.expect("the API responds");
        let text = String::from_utf8(body.into()).expect("the body is text");
        contract::verify(Exchange {
            method,
            target: path.to_owned(),
            headers,
            body: bytes,
            status: status.as_u16(),
            response_headers: response_headers.clone(),
            response: text.clone(),
        });
        Response {
            status,
            headers: response_headers,
            text,
        }
    }

    /// Sends a DELETE request.
    pub async fn deletes(&self, path: &str) -> Response {
        self.requests(Method::DELETE, path, &[], ()).await
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

    /// Returns the cursor of now in the feed.
    pub async fn begins_events(&self) -> String {
        let page = self.gets("/v1/events").await.is(200).json();
        assert_eq!(
            (&page["has_more"], &page["data"]),
            (&json!(false), &json!([]))
        );
        page["cursor"].as_str().unwrap().to_owned()
    }

    /// Lists the events after a cursor.
    pub async fn gets_events(&self, after: &str, limit: usize) -> Response {
        self.gets(&format!("/v1/events?after={after}&limit={limit}"))
            .await
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

    /// Sends a message and deletes it. Returns its id.
    pub async fn sends_and_deletes(&self) -> String {
        let id = self.sends("gone").await;
        self.deletes_message(&id).await.is(204);
        id
    }

    /// Replies to a message.
    pub async fn tries_to_reply(&self, to: &str, text: &str) -> Response {
        let conversation = self.conversation;
        let form = format!("conversation_id={conversation}&message={text}&reply_to={to}");
        self.posts("/v1/messages", form).await
    }

    /// Tries to begin the upload of a file in the conversation; `form` is the rest of the form.
    pub async fn tries_to_create_attachment(&self, form: &str) -> Response {
        let form = format!("conversation_id={}&{form}", self.conversation);
        self.posts("/v1/attachments", form).await
    }

    /// Begins the upload of a file. Returns the attachment.
    pub async fn creates_attachment(&self, name: &str, size: usize) -> Value {
        let form = format!("filename={name}&file_size={size}&file_type=image/jpeg");
        let created = self.tries_to_create_attachment(&form).await;
        created.is(201).json()
    }

    /// Uploads a file. Returns the id of its attachment.
    pub async fn uploads(&self, name: &str, content: &[u8]) -> String {
        let created = self.creates_attachment(name, content.len()).await;
        assert_eq!(uploads_to_s3(&created["upload"], content).await, 200);
        created["id"].as_str().unwrap().to_owned()
    }

    /// Tries to send a message with attachments; an empty text means none.
    pub async fn tries_to_send_files(&self, text: &str, ids: &[impl AsRef<str>]) -> Response {
        self.sends_files_with(&[], text, ids).await
    }

    /// Tries to send a message with attachments and headers.
    pub async fn sends_files_with(
        &self,
        headers: &[(&str, &str)],
        text: &str,
        ids: &[impl AsRef<str>],
    ) -> Response {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("conversation_id", &self.conversation.to_string());
        if !text.is_empty() {
            form.append_pair("message", text);
        }
        for id in ids {
            form.append_pair("attachments[]", id.as_ref());
        }
        let form = form.finish();
        self.requests(Method::POST, "/v1/messages", headers, form)
            .await
    }

    /// Gets an attachment.
    pub async fn gets_attachment(&self, id: &str) -> Response {
        self.gets(&format!("/v1/attachments/{id}")).await
    }

    /// Deletes an attachment.
    pub async fn deletes_attachment(&self, id: &str) -> Response {
        self.requests(Method::DELETE, &format!("/v1/attachments/{id}"), &[], ())
            .await
    }

    /// Lists the attachments of the conversation.
    pub async fn lists_attachments(&self, query: &str) -> Response {
        let conversation = self.conversation;
        self.gets(&format!(
            "/v1/attachments?conversation_id={conversation}&{query}"
        ))
        .await
    }

    /// Adds attachments to a message.
    pub async fn adds_attachments(&self, message: &str, ids: &[impl AsRef<str>]) -> Response {
        let ids = ids
            .iter()
            .map(|id| format!("attachments[]={}", id.as_ref()));
        let form = ids.collect::<Vec<_>>().join("&");
        self.updates_message(message, form).await
    }

    /// Asks for the file of an attachment.
    pub async fn gets_file(&self, id: &str) -> Response {
        self.gets(&format!("/v1/attachments/{id}/file")).await
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

    /// Accepts the conversation.
    pub async fn accepts(&self) -> Response {
        self.updates_conversation("accepted=true").await.is(200)
    }

    /// Blocks a contact.
    pub async fn blocks(&self, other: &Person) -> Response {
        self.requests(Method::PUT, &format!("/v1/blocks/{}", other.id), &[], ())
            .await
    }

    /// Unblocks a contact.
    pub async fn unblocks(&self, other: &Person) -> Response {
        self.requests(Method::DELETE, &format!("/v1/blocks/{}", other.id), &[], ())
            .await
    }

    /// Creates a token. Returns its id, and the same person with it.
    pub async fn creates_token(&self, form: &str) -> (String, Self) {
        let created = self.posts("/v1/tokens", form).await.is(201).json();
        let text = |key: &str| created[key].as_str().unwrap().to_owned();
        (text("id"), self.with_token(&text("token")))
    }

    /// Revokes all tokens but the person's own.
    pub async fn revokes_other_tokens(&self) -> Response {
        self.requests(Method::DELETE, "/v1/tokens", &[], ()).await
    }

    /// Revokes a token.
    pub async fn revokes_token(&self, id: &str) -> Response {
        self.requests(Method::DELETE, &format!("/v1/tokens/{id}"), &[], ())
            .await
    }
}
