//! The contacts of a load test, and the workers that send requests on their behalf.

use std::time::Instant;

use local_stack::Error;
use reqwest::{Method, Response};
use serde_json::Value;
use shared::Store;
use shared::id::{ContactId, ConversationId};
use shared::metadata::Metadata;
use shared::store::{Admin, ContactProfile, NewContact};
use shared::time::Clock;
use shared::token::Label;

use crate::measurements::Measurements;

const PARTICIPANTS_PER_CONVERSATION: usize = 3;

/// Each client also participates in the conversations that others create.
const CREATED_CONVERSATIONS_PER_CLIENT: usize = 5;

/// A contact with a token.
pub struct Client {
    username: String,
    token: String,
    conversations: Vec<ConversationId>,
}

/// Writes contacts, tokens and conversations directly to the store, which is faster than through the API.
pub async fn create_clients(store: &Store, count: usize) -> Result<Vec<Client>, Error> {
    let mut ids = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..count {
        let id = ContactId::random();
        let username = format!("contact.{id}");
        let contact = NewContact {
            id,
            profile: ContactProfile {
                username: username.clone().try_into()?,
                phone_number: None,
                avatar_url: None,
                metadata: Metadata::default(),
                external_id: None,
            },
            last_active_at: None,
            created_at: Clock::system().now(),
        };
        Admin::new(store.clone()).create_contact(contact).await?;
        let token = Admin::new(store.clone())
            .create_token(id, Label::default(), None)
            .await?
            .secret;
        ids.push(id);
        clients.push(Client {
            username,
            token,
            conversations: Vec::new(),
        });
    }
    for number in 0..count * CREATED_CONVERSATIONS_PER_CLIENT {
        let step = number / count + 1;
        let members =
            (0..PARTICIPANTS_PER_CONVERSATION).map(|other| (number + other * step) % count);
        let members: std::collections::BTreeSet<_> = members.collect();
        let id = ConversationId::random();
        let participants = members.iter().map(|&index| ids[index]).collect();
        Admin::new(store.clone())
            .create_conversation(id, participants, None)
            .await?;
        for index in members {
            clients[index].conversations.push(id);
        }
    }
    Ok(clients)
}

/// Sends one request at a time, each on behalf of a random client.
pub struct Worker<'a> {
    url: &'a str,
    clients: &'a [Client],
    measurements: &'a Measurements,
    http: reqwest::Client,
    random: fastrand::Rng,
    /// Id and sender of the last message that this worker sent.
    last_message: Option<(String, &'a Client)>,
}

impl<'a> Worker<'a> {
    pub fn new(url: &'a str, clients: &'a [Client], measurements: &'a Measurements) -> Self {
        Self {
            url,
            clients,
            measurements,
            http: reqwest::Client::new(),
            random: fastrand::Rng::new(),
            last_message: None,
        }
    }

    pub async fn run(mut self, deadline: Instant) {
        let clients = self.clients;
        while Instant::now() < deadline {
            let client = &clients[self.random.usize(..clients.len())];
            let conversation =
                client.conversations[self.random.usize(..client.conversations.len())];
            match (self.random.usize(..100), self.last_message.clone()) {
                (0..30, _) => self.create_message(client, conversation).await,
                (30..50, _) => {
                    let path = format!("/v1/messages?conversation_id={conversation}");
                    self.get("list-messages (conversation)", client, &path)
                        .await;
                }
                (50..60, _) => {
                    self.get("list-messages (inbox)", client, "/v1/messages")
                        .await;
                }
                (60..70, _) => {
                    self.get("list-conversations", client, "/v1/conversations")
                        .await;
                }
                (70..85, Some((id, sender))) => {
                    let path = format!("/v1/messages/{id}");
                    self.get("get-message", sender, &path).await;
                }
                (85..95, Some((id, sender))) => {
                    let path = format!("/v1/messages/{id}");
                    let form = format!("reactions[heart][]={}", sender.username);
                    self.put("update-message (reaction)", sender, &path, form)
                        .await;
                }
                (_, Some((id, sender))) => {
                    // A message id is a timestamp of 9 characters and the id of the conversation.
                    let conversation = &id[9..];
                    let path = format!("/v1/conversations/{conversation}");
                    let form = format!("read_up_to={id}");
                    self.put("update-conversation (read)", sender, &path, form)
                        .await;
                }
                _ => {}
            }
        }
    }

    async fn create_message(&mut self, client: &'a Client, conversation: ConversationId) {
        let path = "/v1/messages";
        let form = format!("conversation_id={conversation}&message=What+do+you+say+to+this");
        let message = self
            .request("create-message", client, Method::POST, path, Some(form))
            .await;
        if let Some(id) = message["id"].as_str() {
            self.last_message = Some((id.to_owned(), client));
        }
    }

    async fn get(&self, operation: &'static str, client: &Client, path: &str) {
        self.request(operation, client, Method::GET, path, None)
            .await;
    }

    async fn put(&self, operation: &'static str, client: &Client, path: &str, form: String) {
        self.request(operation, client, Method::PUT, path, Some(form))
            .await;
    }

    /// Returns the body of the response, or null if the request fails.
    async fn request(
        &self,
        operation: &'static str,
        client: &Client,
        method: Method,
        path: &str,
        form: Option<String>,
    ) -> Value {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {}", client.token));
        let request = match form {
            None => request,
            Some(form) => request
                .header("content-type", "application/x-www-form-urlencoded")
                .header("idempotency-key", ContactId::random().to_string())
                .body(form),
        };
        let started = Instant::now();
        let json = match request.send().await.and_then(Response::error_for_status) {
            Ok(response) => response.text().await.ok(),
            Err(_) => None,
        };
        let json = json.and_then(|text| serde_json::from_str(&text).ok());
        self.measurements
            .record(operation, started.elapsed(), json.is_some());
        json.unwrap_or_default()
    }
}
