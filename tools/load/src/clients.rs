//! The contacts, and what they do.

use std::time::Instant;

use dev::Error;
use reqwest::{Method, Response};
use serde_json::Value;
use shared::Store;
use shared::id::{ContactId, ConversationId};
use shared::store::NewContact;
use shared::time::Clock;
use shared::token::Label;

use crate::measurements::Measurements;

/// How many take part in each conversation.
const PARTICIPANTS_PER_CONVERSATION: usize = 3;

/// How many conversations each contact has.
const CONVERSATIONS_PER_CLIENT: usize = 5;

/// Somebody who talks.
pub struct Client {
    username: String,
    token: String,
    conversations: Vec<ConversationId>,
}

/// So many contacts, each in a few conversations with others.
pub async fn create_clients(store: &Store, count: usize) -> Result<Vec<Client>, Error> {
    let mut ids = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..count {
        let id = ContactId::random();
        let username = format!("contact.{id}");
        let contact = NewContact {
            id,
            username: username.clone().try_into()?,
            phone_number: None,
            avatar_url: None,
            last_active_at: None,
            created_at: Clock::system().now(),
        };
        store.add_contact(contact).await?;
        let token = store.issue_token(id, Label::default(), None).await?.secret;
        ids.push(id);
        clients.push(Client {
            username,
            token,
            conversations: Vec::new(),
        });
    }
    for number in 0..count * CONVERSATIONS_PER_CLIENT {
        let step = number / count + 1;
        let members =
            (0..PARTICIPANTS_PER_CONVERSATION).map(|other| (number + other * step) % count);
        let members: std::collections::BTreeSet<_> = members.collect();
        let id = ConversationId::random();
        let participants = members.iter().map(|&index| ids[index]).collect();
        store.add_conversation(id, participants, None).await?;
        for index in members {
            clients[index].conversations.push(id);
        }
    }
    Ok(clients)
}

/// One after the other of the contacts, and what it asks for.
pub struct Worker<'a> {
    url: &'a str,
    clients: &'a [Client],
    measurements: &'a Measurements,
    http: reqwest::Client,
    random: fastrand::Rng,
    /// The last message that was sent or seen.
    last_message: Option<(String, usize)>,
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

    /// Asks for one thing after the other until that moment.
    pub async fn run(mut self, deadline: Instant) {
        while Instant::now() < deadline {
            let index = self.random.usize(..self.clients.len());
            let client = &self.clients[index];
            let conversation =
                client.conversations[self.random.usize(..client.conversations.len())];
            match (self.random.usize(..100), self.last_message.clone()) {
                (0..30, _) => self.create_message(index, conversation).await,
                (30..50, _) => {
                    let path = format!("/v1/messages?conversation_id={conversation}");
                    self.request("list a conversation", index, Method::GET, &path, None)
                        .await;
                }
                (50..60, _) => {
                    self.request("list everything", index, Method::GET, "/v1/messages", None)
                        .await;
                }
                (60..70, _) => {
                    self.request(
                        "list conversations",
                        index,
                        Method::GET,
                        "/v1/conversations",
                        None,
                    )
                    .await;
                }
                (70..85, Some((id, sender))) => {
                    self.request(
                        "get",
                        sender,
                        Method::GET,
                        &format!("/v1/messages/{id}"),
                        None,
                    )
                    .await;
                }
                (85..95, Some((id, sender))) => {
                    let form = format!("reactions[heart][]={}", self.clients[sender].username);
                    self.request(
                        "react",
                        sender,
                        Method::PUT,
                        &format!("/v1/messages/{id}"),
                        Some(form),
                    )
                    .await;
                }
                (_, Some((id, sender))) => {
                    let path = format!("/v1/conversations/{}", &id[9..]);
                    let form = format!("read_up_to={id}");
                    self.request("read", sender, Method::PUT, &path, Some(form))
                        .await;
                }
                _ => {}
            }
        }
    }

    async fn create_message(&mut self, index: usize, conversation: ConversationId) {
        let form = format!("conversation_id={conversation}&message=What+do+you+say+to+this");
        let message = self
            .request("send", index, Method::POST, "/v1/messages", Some(form))
            .await;
        if let Some(id) = message["id"].as_str() {
            self.last_message = Some((id.to_owned(), index));
        }
    }

    async fn request(
        &self,
        operation: &'static str,
        index: usize,
        method: Method,
        path: &str,
        form: Option<String>,
    ) -> Value {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = request.header(
            "authorization",
            format!("Bearer {}", self.clients[index].token),
        );
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
