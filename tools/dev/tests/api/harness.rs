//! A world to test in: an API, three people in a conversation, and one who is not in it.

mod answer;
mod logs;
mod person;

use std::collections::BTreeSet;

use dev::stack::{Stack, listen};
use shared::Store;
use shared::conversation::Conversation;
use shared::http::Caller;
use shared::id::{ContactId, ConversationId};
use shared::store::NewContact;
use shared::time::{Clock, Micros};

pub use answer::{Answer, Cost};
pub use logs::all as whole_log;
pub use person::{Body, Json, Person};

/// An API of its own for each test.
pub struct World {
    stack: Stack,
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
    pub async fn new() -> Self {
        logs::collect();
        let stack = Stack::start(None).await.expect("the stack starts");
        let url = serve(&stack, stack.store.clone()).await;
        let conversation = ConversationId::random();
        let person = |name| Person::new(&url, name, conversation);
        let [kevin, kate, linnie, nobody] = ["kevin", "kate", "linnie", "nobody"].map(person);
        let buzz = Person::new(&url, "buzz", ConversationId::random());
        let world = Self {
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

    /// Where people, conversations and tokens can be put without an endpoint.
    pub fn store(&self) -> &Store {
        &self.stack.store
    }

    /// What stands in for DynamoDB.
    pub fn engine(&self) -> &dev::engine::Engine {
        &self.stack.engine
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
            &self.stack,
            self.store().clone().with_clock(Clock::new(now)),
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
            phone_number: Some(person.phone_number()),
            avatar_url: None,
            last_active_at: None,
            created_at: Clock::system().now(),
        };
        self.store().add_contact(contact).await.unwrap();
        let caller = Caller::with_token(&person.token);
        self.store()
            .add_token(&caller, person.id, "test", None)
            .await
            .unwrap();
    }

    async fn begins(&self, id: ConversationId, participants: &[&Person]) {
        let participants: BTreeSet<ContactId> =
            participants.iter().map(|person| person.id).collect();
        self.store()
            .add_conversation(Conversation { id, participants })
            .await
            .unwrap();
    }
}

async fn serve(stack: &Stack, store: Store) -> String {
    let api = stack.api(store).expect("template and handlers match");
    let (listener, address) = listen("127.0.0.1", 0).await.expect("there is a free port");
    tokio::spawn(async move { axum::serve(listener, api).await });
    format!("http://{address}")
}
