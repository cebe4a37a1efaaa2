//! The test fixture: an API, a conversation of three participants, and a contact outside of it.

mod chaos;
pub mod contract;
mod forward;
pub mod host;
pub mod issuer;
mod logs;
mod person;
mod proxy;
mod receiver;
mod response;
pub mod s3;
mod s3_chaos;

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use dynoxide::ImportOptions;
use dynoxide::types::AttributeValue;
use local_stack::client::Client;
use local_stack::stack::Stack;
use serde_json::{Value, json};
use shared::Store;
use shared::caller::Caller;
use shared::id::{AttachmentId, ContactId, ConversationId, TokenId};
use shared::key::{NewKey, Scope};
use shared::message::Text;
use shared::metadata::Metadata;
use shared::store::{Admin, ContactProfile, Inconsistency, NewContact};
use shared::time::{Clock, Micros};
use shared::token::Label;

pub use chaos::Chaos;
pub use host::Host;
pub use host::serve;
pub use logs::all as whole_log;
pub use person::{Body, Json, Person};
pub use proxy::{Fault, Proxy};
pub use receiver::{Received, Receiver};
pub use response::{Cost, Response};
pub use s3_chaos::S3Chaos;

/// The HTTP client of everybody. A connection must not outlive the runtime of its test.
fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| Client::new(0).unwrap())
}

/// Metadata with this many keys.
pub fn metadata_with_keys(count: usize) -> Value {
    let keys = (0..count).map(|key| (key.to_string(), json!("x")));
    Value::Object(keys.collect())
}

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
    /// `last_active_at`, and used the functions for messages (except for sending), so that these read data in
    /// parallel with token and conversation.
    pub async fn active() -> Self {
        let world = Self::new().await;
        for person in [&world.kevin, &world.kate, &world.linnie, &world.buzz] {
            let unknown = format!("000000000{}", person.conversation);
            person.lists_messages("").await.is(200);
            person.gets_message(&unknown).await.is(404);
            person.updates_message(&unknown, "read=true").await.is(404);
            person.deletes_message(&unknown).await.is(204);
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

    /// The files of attachments.
    pub fn bucket(&self) -> &local_stack::bucket::Bucket {
        &self.stack().bucket
    }

    /// The local stack.
    pub fn stack(&self) -> &Stack {
        self.stack
            .as_ref()
            .expect("only tests in local:: use the local stack")
    }

    /// Handles all changes of tables, and deletes what has expired.
    pub async fn settles(&self) {
        self.settles_with(&self.store).await.unwrap();
    }

    /// The same while S3 is unavailable.
    pub async fn settles_without_s3(&self) -> Result<(), local_stack::Error> {
        self.settles_with(&host::without_s3(self.store.clone()))
            .await
    }

    /// Handles all changes, and attempts the deliveries of webhooks that are new.
    pub async fn delivers(&self) {
        self.delivers_with(&self.store).await;
    }

    /// The same with this store.
    pub async fn delivers_with(&self, store: &Store) {
        let stack = self.stack();
        let gateway = stack.gateway(store).unwrap();
        stack.handle_changes(&gateway).await.unwrap();
        gateway.deliver_new(&stack.engine).await.unwrap();
    }

    /// Attempts the deliveries of webhooks that are due at a time, and not those that are new.
    pub async fn delivers_due(&self, now: Micros) {
        let store = self.store.clone().with_clock(Clock::new(move || now));
        let gateway = self.stack().gateway(&store).unwrap();
        gateway.deliver_due().await.unwrap();
    }

    /// Handles all changes with this store.
    pub async fn settles_with(&self, store: &Store) -> Result<(), local_stack::Error> {
        let stack = self.stack();
        stack.handle_changes(&stack.gateway(store)?).await
    }

    /// Deletes all attachments directly, and their files.
    pub async fn removes_all_files(&self) {
        for item in self.items("AttachmentsTable") {
            let id = AttachmentId::new(
                Micros(item["created_at"]["N"].as_str().unwrap().parse().unwrap()),
                item["conversation_id"]["S"]
                    .as_str()
                    .unwrap()
                    .parse()
                    .unwrap(),
            );
            self.deletes_attachment(id);
        }
        self.settles().await;
        assert!(self.files().is_empty());
    }

    /// Deletes an attachment directly.
    pub fn deletes_attachment(&self, id: AttachmentId) {
        let key = [
            (
                "conversation_id",
                AttributeValue::S(id.conversation().to_string()),
            ),
            (
                "created_at",
                AttributeValue::N(id.created_at().0.to_string()),
            ),
        ];
        self.delete_item("AttachmentsTable", &key);
    }

    /// All items of a table.
    pub fn items(&self, table: &str) -> Vec<Value> {
        let request = serde_json::from_value(json!({ "TableName": table })).unwrap();
        let found = self.engine().database().scan(request).unwrap();
        let found = serde_json::to_value(found).unwrap()["Items"].take();
        found.as_array().unwrap().clone()
    }

    /// Puts items into a table directly.
    pub fn import_items(&self, table: &str, items: Vec<Value>) {
        let count = items.len();
        let items = items.into_iter().map(serde_json::from_value);
        let items = items.collect::<Result<_, _>>().unwrap();
        let database = self.engine().database();
        let imported = database.import_items(table, items, ImportOptions::default());
        assert_eq!(imported.unwrap().items_imported, count);
    }

    /// Puts an item into a table directly, as a change of which the table's stream tells.
    pub fn put_item(&self, table: &str, item: &Value) {
        let put = json!({ "TableName": table, "Item": item });
        let put = serde_json::from_value(put).unwrap();
        self.engine().database().put_item(put).unwrap();
    }

    /// Updates an attachment directly.
    pub fn updates_attachment(&self, id: AttachmentId, expression: &str, values: &Value) {
        let update = json!({
            "TableName": "AttachmentsTable",
            "Key": {
                "conversation_id": {"S": id.conversation()},
                "created_at": {"N": id.created_at().0.to_string()},
            },
            "UpdateExpression": expression,
            "ConditionExpression": "attribute_exists(contact_id)",
            "ExpressionAttributeValues": values,
        });
        let update = serde_json::from_value(update).unwrap();
        self.engine().database().update_item(update).unwrap();
    }

    /// The keys of all files.
    pub fn files(&self) -> Vec<String> {
        self.bucket().keys().unwrap()
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

    /// What `cargo ops doctor` finds in an hour, when nothing is in flight anymore.
    pub async fn inconsistencies(&self) -> Vec<Inconsistency> {
        self.inconsistencies_in(Duration::from_hours(1)).await
    }

    /// What `cargo ops doctor` finds later.
    pub async fn inconsistencies_in(&self, time: Duration) -> Vec<Inconsistency> {
        let later = Clock::system().now().after(time);
        let store = self.store.clone().with_clock(Clock::new(move || later));
        // S3 keeps its own time.
        let store = store.with_files(self.store.files().cloned());
        let report = Admin::new(store).check().await.unwrap();
        report.inconsistencies().cloned().collect()
    }

    /// Sends a message with this time as `created_at`. Returns its id.
    pub async fn message_sent_at(&self, person: &Person, moment: Micros, text: &str) -> String {
        let store = self.store.clone().with_clock(Clock::new(move || moment));
        let text = Text::try_from(text.to_owned()).unwrap();
        let caller = Caller::with_token(&person.token);
        store
            .create_message(&caller, person.conversation, text.into(), None)
            .await
            .unwrap()
            .message
            .id
            .to_string()
    }

    /// Issues a server key with these scopes.
    pub async fn new_server(&self, scopes: &[Scope]) -> Person {
        self.new_server_key(scopes).await.1
    }

    /// Issues a server key with these scopes. Returns its id, too.
    pub async fn new_server_key(&self, scopes: &[Scope]) -> (TokenId, Person) {
        let admin = Admin::new(self.store().clone());
        let scopes = scopes.iter().copied().collect();
        let issued = admin.issue_key(Label::default(), scopes, None).await;
        let NewKey { key, secret } = issued.unwrap();
        (key.id, self.anonymous.with_token(&secret))
    }

    /// Creates a contact that participates in no conversation.
    pub async fn new_person(&self, name: &str) -> Person {
        let person = Person::new(&self.kevin.url, name, self.conversation);
        self.create_contact(&person).await;
        person
    }

    /// Creates a contact with this username.
    pub async fn new_person_named(&self, username: &str) -> Person {
        let mut person = Person::new(&self.kevin.url, username, self.conversation);
        username.clone_into(&mut person.username);
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
            profile: ContactProfile {
                username: person.username.clone().try_into().unwrap(),
                phone_number: Some(person.phone_number().try_into().unwrap()),
                avatar_url: None,
                metadata: Metadata::default(),
                external_id: None,
            },
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
