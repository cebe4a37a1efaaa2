//! The test fixture: an API, a conversation of three participants, and a contact outside of it.

mod chaos;
mod forward;
mod host;
mod logs;
mod person;
mod proxy;
mod response;

use std::collections::BTreeSet;

use dynoxide::types::AttributeValue;
use local_stack::stack::Stack;
use shared::Store;
use shared::caller::Caller;
use shared::id::{ContactId, ConversationId};
use shared::message::Text;
use shared::store::{Admin, NewContact};
use shared::time::{Clock, Micros};
use shared::token::Label;

pub use chaos::Chaos;
use host::{Host, serve};
pub use logs::all as whole_log;
pub use person::{Body, Json, Person};
pub use proxy::{Fault, Proxy};
pub use response::{Cost, Response};

/// An API per test, or the one at `API_URL`.
pub struct World {
    /// For test data that no endpoint creates.
    store: Store,
    /// `None` if `API_URL` is set.
    stack: Option<Stack>,
    /// A participant of the conversation.
    pub kevin: Person,
    /// A participant of the conversation.
    pub kate: Person,
    /// A participant of the conversation.
    pub linnie: Person,
    /// Not a participant; the only one of another conversation.
    pub buzz: Person,
    /// Sends requests without a token.
    pub anonymous: Person,
    /// The conversation of Kevin, Kate and Linnie.
    pub conversation: ConversationId,
}

impl World {
    /// A world without messages.
    ///
    /// If `API_URL` is set, it uses the API at that URL, and the tables that the environment variables name.
    pub async fn new() -> Self {
        logs::collect();
        if let Ok(url) = std::env::var("API_URL") {
            let (store, _) = Store::from_env().expect("the environment variables name the tables");
            return Self::populated(&url, store, None).await;
        }
        let stack = Stack::start(None).await.expect("the stack starts");
        let store = stack.store.clone().with_timeouts(host::LONG_TIMEOUTS);
        let url = serve(&stack, &store).await;
        Self::populated(&url, store, Some(stack)).await
    }

    /// A world in which every contact was active within the last minute, so that requests do not write
    /// `last_active_at`.
    pub async fn active() -> Self {
        let world = Self::new().await;
        for person in [&world.kevin, &world.kate, &world.linnie, &world.buzz] {
            person.gets("/v1/me").await.is(200);
        }
        world
    }

    async fn populated(url: &str, store: Store, stack: Option<Stack>) -> Self {
        let conversation = ConversationId::random();
        let person = |name| Person::new(url, name, conversation);
        let [kevin, kate, linnie] = ["kevin", "kate", "linnie"].map(person);
        let anonymous = kevin.with_token("");
        let buzz = Person::new(url, "buzz", ConversationId::random());
        let world = Self {
            store,
            stack,
            kevin,
            kate,
            linnie,
            buzz,
            anonymous,
            conversation,
        };
        for person in [&world.kevin, &world.kate, &world.linnie, &world.buzz] {
            world.create_contact(person).await;
        }
        world
            .create_conversation(conversation, &[&world.kevin, &world.kate, &world.linnie])
            .await;
        world
            .create_conversation(world.buzz.conversation, &[&world.buzz])
            .await;
        world
    }

    /// The store of the API.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The embedded DynamoDB engine.
    pub fn engine(&self) -> &local_stack::engine::Engine {
        &self.stack().engine
    }

    fn stack(&self) -> &Stack {
        self.stack
            .as_ref()
            .expect("only tests in local:: use the local stack")
    }

    /// Deletes an item from a table directly.
    pub fn delete_item(&self, table: &str, key: &[(&str, AttributeValue)]) {
        let key: serde_json::Map<_, _> = key
            .iter()
            .map(|(name, value)| ((*name).to_owned(), serde_json::to_value(value).unwrap()))
            .collect();
        let request =
            serde_json::json!({ "TableName": table, "Key": key, "ReturnValues": "ALL_OLD" });
        let removed = self
            .engine()
            .database()
            .delete_item(serde_json::from_value(request).unwrap())
            .unwrap();
        assert!(removed.attributes.is_some(), "the item exists");
    }

    /// Another host of the API, to be started.
    pub fn host(&self) -> Host<'_> {
        Host::new(self.stack())
    }

    /// Sends a message with this time as `created_at`. Returns its id.
    pub async fn message_sent_at(&self, person: &Person, moment: Micros, text: &str) -> String {
        let store = self.store.clone().with_clock(Clock::new(move || moment));
        let text = Text::try_from(text.to_owned()).unwrap();
        let caller = Caller::with_token(&person.token);
        store
            .create_message(&caller, person.conversation, text, None)
            .await
            .unwrap()
            .message
            .id
            .to_string()
    }

    /// Creates a contact that participates in no conversation.
    pub async fn new_person(&self, name: &str) -> Person {
        let person = Person::new(&self.kevin.url, name, self.conversation);
        self.create_contact(&person).await;
        person
    }

    /// Creates a conversation of these participants.
    pub async fn new_conversation(&self, participants: &[&Person]) -> ConversationId {
        let id = ConversationId::random();
        self.create_conversation(id, participants).await;
        id
    }

    /// Creates a number of contacts and a conversation of them.
    pub async fn crowd(&self, size: usize) -> Vec<Person> {
        let conversation = ConversationId::random();
        let mut crowd = Vec::new();
        for _ in 0..size {
            let person = Person::new(&self.kevin.url, "one", conversation);
            self.create_contact(&person).await;
            crowd.push(person);
        }
        self.create_conversation(conversation, &crowd.iter().collect::<Vec<_>>())
            .await;
        crowd
    }

    /// Creates the contact and the token of a person.
    async fn create_contact(&self, person: &Person) {
        let contact = NewContact {
            id: person.id,
            username: person.username.clone().try_into().unwrap(),
            phone_number: Some(person.phone_number().try_into().unwrap()),
            avatar_url: None,
            last_active_at: None,
            created_at: Clock::system().now(),
        };
        Admin::new(self.store().clone())
            .create_contact(contact)
            .await
            .unwrap();
        let caller = Caller::with_token(&person.token);
        Admin::new(self.store().clone())
            .import_token(&caller, person.id, Label::default(), None)
            .await
            .unwrap();
    }

    /// Creates a conversation with this id, whose `created_at` precedes everything else in the test.
    pub async fn create_conversation(&self, id: ConversationId, participants: &[&Person]) {
        let participants: BTreeSet<ContactId> =
            participants.iter().map(|person| person.id).collect();
        let store = self.store.clone().with_clock(Clock::new(|| Micros(1)));
        Admin::new(store.clone())
            .create_conversation(id, participants, None)
            .await
            .unwrap();
    }
}
