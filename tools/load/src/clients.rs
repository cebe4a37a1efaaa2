//! The contacts, and what they do.

use std::time::Instant;

use dev::Error;
use reqwest::{Client, Method, Response};
use serde_json::Value;
use shared::Store;
use shared::id::{ContactId, ConversationId};
use shared::store::NewContact;
use shared::time::Clock;
use shared::token::Label;

use crate::measurements::Measured;

/// How many take part in each conversation.
const CIRCLE: usize = 3;

/// How many conversations each contact has.
const CONVERSATIONS: usize = 5;

/// Somebody who talks.
pub struct Person {
    username: String,
    token: String,
    conversations: Vec<ConversationId>,
}

/// So many contacts, each in a few conversations with others.
pub async fn people(store: &Store, count: usize) -> Result<Vec<Person>, Error> {
    let mut ids = Vec::new();
    let mut people = Vec::new();
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
        people.push(Person {
            username,
            token,
            conversations: Vec::new(),
        });
    }
    for number in 0..count * CONVERSATIONS {
        let step = number / count + 1;
        let circle = (0..CIRCLE).map(|other| (number + other * step) % count);
        let circle: std::collections::BTreeSet<_> = circle.collect();
        let id = ConversationId::random();
        let participants = circle.iter().map(|&index| ids[index]).collect();
        store.add_conversation(id, participants, None).await?;
        for index in circle {
            people[index].conversations.push(id);
        }
    }
    Ok(people)
}

/// One after the other of the contacts, and what it asks for.
pub struct Talker<'a> {
    url: &'a str,
    people: &'a [Person],
    measured: &'a Measured,
    client: Client,
    random: fastrand::Rng,
    /// The last message that was sent or seen.
    seen: Option<(String, usize)>,
}

impl<'a> Talker<'a> {
    pub fn new(url: &'a str, people: &'a [Person], measured: &'a Measured) -> Self {
        Self {
            url,
            people,
            measured,
            client: Client::new(),
            random: fastrand::Rng::new(),
            seen: None,
        }
    }

    /// Asks for one thing after the other until that moment.
    pub async fn talks(mut self, until: Instant) {
        while Instant::now() < until {
            let index = self.random.usize(..self.people.len());
            let person = &self.people[index];
            let conversation =
                person.conversations[self.random.usize(..person.conversations.len())];
            match (self.random.usize(..100), self.seen.clone()) {
                (0..30, _) => self.sends(index, conversation).await,
                (30..50, _) => {
                    let path = format!("/v1/messages?conversation_id={conversation}");
                    self.asks("list a conversation", index, Method::GET, &path, None)
                        .await;
                }
                (50..60, _) => {
                    self.asks("list everything", index, Method::GET, "/v1/messages", None)
                        .await;
                }
                (60..70, _) => {
                    self.asks(
                        "list conversations",
                        index,
                        Method::GET,
                        "/v1/conversations",
                        None,
                    )
                    .await;
                }
                (70..85, Some((id, reader))) => {
                    self.asks(
                        "get",
                        reader,
                        Method::GET,
                        &format!("/v1/messages/{id}"),
                        None,
                    )
                    .await;
                }
                (85..95, Some((id, reader))) => {
                    let form = format!("reactions[heart][]={}", self.people[reader].username);
                    self.asks(
                        "react",
                        reader,
                        Method::PUT,
                        &format!("/v1/messages/{id}"),
                        Some(form),
                    )
                    .await;
                }
                (_, Some((id, reader))) => {
                    let path = format!("/v1/conversations/{}", &id[9..]);
                    let form = format!("read_up_to={id}");
                    self.asks("read", reader, Method::PUT, &path, Some(form))
                        .await;
                }
                _ => {}
            }
        }
    }

    async fn sends(&mut self, index: usize, conversation: ConversationId) {
        let form = format!("conversation_id={conversation}&message=What+do+you+say+to+this");
        let sent = self
            .asks("send", index, Method::POST, "/v1/messages", Some(form))
            .await;
        if let Some(id) = sent["id"].as_str() {
            self.seen = Some((id.to_owned(), index));
        }
    }

    async fn asks(
        &self,
        operation: &'static str,
        index: usize,
        method: Method,
        path: &str,
        form: Option<String>,
    ) -> Value {
        let request = self.client.request(method, format!("{}{path}", self.url));
        let request = request.header(
            "authorization",
            format!("Bearer {}", self.people[index].token),
        );
        let request = match form {
            None => request,
            Some(form) => request
                .header("content-type", "application/x-www-form-urlencoded")
                .header("idempotency-key", ContactId::random().to_string())
                .body(form),
        };
        let began = Instant::now();
        let json = match request.send().await.and_then(Response::error_for_status) {
            Ok(answer) => answer.text().await.ok(),
            Err(_) => None,
        };
        let json = json.and_then(|text| serde_json::from_str(&text).ok());
        self.measured
            .add(operation, began.elapsed(), json.is_some());
        json.unwrap_or_default()
    }
}
