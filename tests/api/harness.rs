//! A world to test in: an API, three people in a conversation, and one who is not in it.

mod answer;
mod chaos;
mod forward;
mod logs;
mod person;
mod proxy;

use std::collections::BTreeSet;
use std::time::Duration;

use dynoxide::types::AttributeValue;
use local_stack::engine::config_at;
use local_stack::stack::{Stack, listen};
use shared::Store;
use shared::caller::Caller;
use shared::id::{ContactId, ConversationId};
use shared::message::Text;
use shared::store::{Admin, NewContact, Tables, Timeouts};
use shared::time::{Clock, Micros};
use shared::token::Label;

pub use answer::{Answer, Cost};
pub use chaos::Chaos;
pub use logs::all as whole_log;
pub use person::{Body, Json, Person};
pub use proxy::{Fault, Proxy};

/// Timeouts for tests of anything else: on a busy machine, unoptimized code takes seconds for a hundred
/// requests at once. Hosts behind a proxy keep the timeouts of production.
const LONG_TIMEOUTS: Timeouts = Timeouts {
    attempt: Duration::from_secs(30),
    call: Duration::from_mins(1),
    request: Duration::from_mins(2),
};

/// An API of its own for each test, or the one that runs at `API_URL`.
pub struct World {
    /// Where people, conversations and tokens can be put without an endpoint.
    store: Store,
    /// None if the API runs elsewhere.
    stack: Option<Stack>,
    /// Takes part in the conversation.
    pub kevin: Person,
    /// Takes part in the conversation.
    pub kate: Person,
    /// Takes part in the conversation.
    pub linnie: Person,
    /// Does not, and has a conversation of his own.
    pub buzz: Person,
    /// Has no token.
    pub nobody: Person,
    /// The conversation of Kevin, Kate and Linnie.
    pub conversation: ConversationId,
}

impl World {
    /// A world in which nothing has been said yet.
    ///
    /// With `API_URL` it is at that address, and its store is the one that the environment names.
    pub async fn new() -> Self {
        logs::collect();
        if let Ok(url) = std::env::var("API_URL") {
            let (store, _) = Store::from_env().expect("the environment names the store");
            return Self::populated(&url, store, None).await;
        }
        let stack = Stack::start(None).await.expect("the stack starts");
        let store = stack.store.clone().with_timeouts(LONG_TIMEOUTS);
        let url = serve(&stack, &store).await;
        Self::populated(&url, store, Some(stack)).await
    }

    /// The same, and it is known of this minute that all are active: nothing of that is left to be written.
    pub async fn awake() -> Self {
        let world = Self::new().await;
        for person in [&world.kevin, &world.kate, &world.linnie, &world.buzz] {
            person.gets("/v1/me").await.is(200);
        }
        world
    }

    async fn populated(url: &str, store: Store, stack: Option<Stack>) -> Self {
        let conversation = ConversationId::random();
        let person = |name| Person::new(url, name, conversation);
        let [kevin, kate, linnie, nobody] = ["kevin", "kate", "linnie", "nobody"].map(person);
        let buzz = Person::new(url, "buzz", ConversationId::random());
        let world = Self {
            store,
            stack,
            kevin,
            kate,
            linnie,
            buzz,
            nobody,
            conversation,
        };
        for person in [&world.kevin, &world.kate, &world.linnie, &world.buzz] {
            world.adds(person).await;
        }
        world
            .begins(conversation, &[&world.kevin, &world.kate, &world.linnie])
            .await;
        world.begins(world.buzz.conversation, &[&world.buzz]).await;
        world
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What stands in for DynamoDB.
    pub fn engine(&self) -> &local_stack::engine::Engine {
        &self.stack().engine
    }

    fn stack(&self) -> &Stack {
        self.stack
            .as_ref()
            .expect("only the tests in local:: need the engine")
    }

    /// Takes an item out of a table behind the API's back.
    pub fn removes(&self, table: &str, key: &[(&str, AttributeValue)]) {
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
        assert!(removed.attributes.is_some(), "it was there");
    }

    /// The same API on a host that reaches DynamoDB only through a proxy.
    pub async fn host_behind(&self, proxy: &Proxy) -> String {
        self.host_through(proxy.url()).await
    }

    /// The same API on a host that knows nothing of what others have done, and reaches DynamoDB here.
    pub async fn host_through(&self, url: &str) -> String {
        serve(self.stack(), &self.store_at(url)).await
    }

    /// The same API on a host that knows nothing of what others have done, with this clock.
    pub async fn new_host_at(&self, moment: Micros) -> String {
        let store = self.store_at(&self.engine().url());
        let store = store
            .with_timeouts(LONG_TIMEOUTS)
            .with_clock(Clock::new(move || moment));
        serve(self.stack(), &store).await
    }

    /// A store of its own, over DynamoDB at this address.
    fn store_at(&self, url: &str) -> Store {
        let config = config_at(url).unwrap();
        let variables: std::collections::HashMap<_, _> = self.stack().variables().collect();
        let tables = Tables::from_vars(|name| variables.get(name).map(|&name| name.to_owned()));
        Store::new(&config, tables.unwrap())
    }

    /// A message that `person` has sent at this moment; its id.
    pub async fn sent_at(&self, person: &Person, moment: Micros, text: &str) -> String {
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

    /// Somebody new who takes part in nothing.
    pub async fn newcomer(&self, name: &str) -> Person {
        let person = Person::new(&self.kevin.url, name, self.conversation);
        self.adds(&person).await;
        person
    }

    /// A new conversation of these.
    pub async fn conversation_of(&self, participants: &[&Person]) -> ConversationId {
        let id = ConversationId::random();
        self.begins(id, participants).await;
        id
    }

    /// The same API on another host, whose clock tells this.
    pub async fn host_at(&self, now: impl Fn() -> Micros + Send + Sync + 'static) -> String {
        serve(
            self.stack(),
            &self.store().clone().with_clock(Clock::new(now)),
        )
        .await
    }

    /// A number of new people in one new conversation.
    pub async fn crowd(&self, size: usize) -> Vec<Person> {
        let conversation = ConversationId::random();
        let mut crowd = Vec::new();
        for _ in 0..size {
            let person = Person::new(&self.kevin.url, "one", conversation);
            self.adds(&person).await;
            crowd.push(person);
        }
        self.begins(conversation, &crowd.iter().collect::<Vec<_>>())
            .await;
        crowd
    }

    async fn adds(&self, person: &Person) {
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

    /// A conversation of these with this id, begun before all that is told here.
    pub async fn begins(&self, id: ConversationId, participants: &[&Person]) {
        let participants: BTreeSet<ContactId> =
            participants.iter().map(|person| person.id).collect();
        let store = self.store.clone().with_clock(Clock::new(|| Micros(1)));
        Admin::new(store.clone())
            .create_conversation(id, participants, None)
            .await
            .unwrap();
    }
}

async fn serve(stack: &Stack, store: &Store) -> String {
    let api = stack.api(store).expect("template and handlers match");
    let listener = listen("127.0.0.1", 0).await.expect("there is a free port");
    let address = listener.local_addr().expect("it has an address");
    tokio::spawn(async move { axum::serve(listener, api).await });
    format!("http://{address}")
}
