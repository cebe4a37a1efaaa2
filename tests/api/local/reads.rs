//! `read_at`, which a log of the conversation tells: over many pages, after interruptions, and for old data.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dynoxide::types::AttributeValue;
use fastrand::Rng;
use serde_json::{Value, json};
use shared::id::{ConversationId, MessageId};
use shared::time::Micros;

use super::cost::{import, import_messages, number, string};
use crate::harness::{Fault, Person, Proxy, World};

/// When the first message was sent.
const START: u64 = 1_000_000_000;

/// A long conversation, and when each of its messages was read first, as far as it is known.
struct Conversation {
    people: Vec<Person>,
    /// The author by message.
    authors: Vec<usize>,
    expected: BTreeMap<usize, u64>,
    /// The clock of the host.
    now: Arc<AtomicU64>,
    id: ConversationId,
}

impl Conversation {
    /// Imports a conversation with this many messages of these people in a random order.
    async fn import(world: &World, people: &[&Person], size: usize, rng: &mut Rng) -> Self {
        let id = world.new_conversation(people).await;
        let now = Arc::new(AtomicU64::new(2 * START));
        let seconds = now.clone();
        let clock = move || Micros(seconds.load(Ordering::Relaxed) * 1_000_000);
        let host = world.host().clock(clock).start().await;
        let authors: Vec<_> = (0..size).map(|_| rng.usize(..people.len())).collect();
        let text = "x".repeat(api_tests::cases(10, 32 * 1024));
        let items = authors.iter().zip(START..).map(|(&author, sent)| {
            [
                ("conversation_id", string(&id)),
                ("created_at", number(sent * 1_000_000)),
                ("contact_id", string(&people[author].id)),
                ("message", string(&text)),
                ("version", number(1)),
            ]
            .into()
        });
        import(world, "MessagesTable", items);
        Self {
            people: people.iter().map(|one| one.within(id).at(&host)).collect(),
            authors,
            expected: BTreeMap::new(),
            now,
            id,
        }
    }

    fn message(&self, number: usize) -> MessageId {
        MessageId::new(Micros((START + number as u64) * 1_000_000), self.id)
    }

    /// A person marks all messages up to this one as read. Returns the write units.
    async fn mark(&mut self, person: usize, up_to: usize) -> f64 {
        let now = 1 + self.now.fetch_add(1, Ordering::Relaxed);
        for number in (0..=up_to).filter(|&number| self.authors[number] != person) {
            self.expected.entry(number).or_insert(now);
        }
        let read = format!("read_up_to={}", self.message(up_to));
        let marked = self.people[person].updates_conversation(&read).await;
        marked.is(200).log_line()["write_units"].as_f64().unwrap()
    }

    /// Asserts `read_at` and `updated_at` of each message, on all pages.
    async fn assert_all(&self) {
        let mut after = String::new();
        let mut number = self.authors.len();
        while number > 0 {
            let query = format!("limit=100{after}");
            let page = self.people[0].lists_messages(&query).await.is(200);
            for message in page.json()["data"].as_array().unwrap() {
                number -= 1;
                self.assert_one(number, message);
            }
            after = format!("&starting_after={}", page.ids().last().unwrap());
        }
    }

    /// Asserts the same of some messages alone, and of the last one in the conversation.
    async fn assert_some(&self) {
        for number in (0..self.authors.len()).step_by(self.authors.len() / 40) {
            let id = self.message(number).to_string();
            let message = self.people[0].gets_message(&id).await.is(200).json();
            self.assert_one(number, &message);
        }
        let conversation = self.people[0].gets_conversation().await.is(200).json();
        self.assert_one(self.authors.len() - 1, &conversation["last_message"]);
    }

    fn assert_one(&self, number: usize, message: &Value) {
        assert_eq!(message["id"], self.message(number).to_string());
        let expected = json!(self.expected.get(&number));
        assert_eq!(message["read_at"], expected, "message {number}");
        assert_eq!(message["updated_at"], expected, "message {number}");
    }
}

#[tokio::test]
async fn every_message_shows_when_it_was_read_first_by_others() {
    const SIZE: usize = 10_000;
    let world = World::new().await;
    let (kevin, kate, linnie) = (&world.kevin, &world.kate, &world.linnie);
    for people in [&[kevin, kate][..], &[kevin, kate, linnie]] {
        let mut rng = Rng::with_seed(people.len() as u64);
        let mut conversation = Conversation::import(&world, people, SIZE, &mut rng).await;
        for mark in 1..=50 {
            let person = rng.usize(..people.len());
            let up_to = rng.usize(..SIZE * mark / 60);
            let units = conversation.mark(person, up_to).await;
            assert!(units <= 10.0, "{units}");
        }
        conversation.assert_all().await;
        conversation.assert_some().await;
        for person in 0..people.len() {
            let units = conversation.mark(person, SIZE - 1).await;
            assert!(units <= 10.0, "{units}");
        }
        conversation.assert_some().await;
        let all = conversation.people[0].gets_conversation().await.json();
        assert_eq!(all["unread_count"], 0);
    }
}

/// The number of items in the table of older reads.
fn older_reads(world: &World) -> Value {
    let request = serde_json::from_value(json!({ "TableName": "ReadsTable" })).unwrap();
    let scan = world.engine().database().scan(request).unwrap();
    serde_json::to_value(scan).unwrap()["Count"].clone()
}

/// Kevin sends 16 messages, each of which Kate marks as read: there is no room for another interval.
async fn with_many_reads(world: &World) -> (Person, Person) {
    let id = world.new_conversation(&[&world.kevin, &world.kate]).await;
    let [kevin, kate] = [&world.kevin, &world.kate].map(|person| person.within(id));
    for _ in 0..16 {
        let read = format!("read_up_to={}", kevin.sends("hello").await);
        kate.updates_conversation(&read).await.is(200);
    }
    (kevin, kate)
}

async fn assert_all_are_read(kevin: &Person, kate: &Person) {
    let page = kevin.lists_messages("limit=100").await.is(200).json();
    for message in page["data"].as_array().unwrap() {
        assert!(message["read_at"].is_u64(), "{message}");
    }
    let conversation = kate.gets_conversation().await.is(200).json();
    assert_eq!(conversation["unread_count"], 0);
}

#[tokio::test]
async fn a_mark_that_was_interrupted_anywhere_is_completed_when_repeated() {
    let world = World::new().await;
    let proxy = Proxy::start(world.engine()).await;
    let host = world.host().proxy(proxy.url()).start().await;
    world.kate.at(&host).gets("/v1/me").await.is(200); // records that she is active
    // The writes: the oldest intervals, which move to their table; the conversation; the membership.
    for write in 0..3 {
        let (kevin, kate) = with_many_reads(&world).await;
        assert_eq!(older_reads(&world), write);
        let read = format!("read_up_to={}", kevin.sends("the last").await);
        if write > 0 {
            proxy.inject("UpdateItem", write, Fault::Delay(0));
        }
        proxy.inject("UpdateItem", 1, Fault::Error("AccessDeniedException"));
        let interrupted = kate.at(&host).updates_conversation(&read).await;
        interrupted.is(500);
        assert!(proxy.is_done());
        kate.updates_conversation(&read).await.is(200);
        assert_eq!(older_reads(&world), write + 1, "they are moved once");
        assert_all_are_read(&kevin, &kate).await;
    }
}

#[tokio::test]
async fn concurrent_marks_are_all_recorded() {
    let world = World::new().await;
    let crowd = world.crowd(12).await;
    for _ in 0..10 {
        let id = crowd[0].sends("hello").await;
        let read = format!("read_up_to={id}");
        let marks = crowd.iter().map(|one| one.updates_conversation(&read));
        for marked in futures_util::future::join_all(marks).await {
            assert_eq!(marked.is(200).json()["unread_count"], 0);
        }
    }
    assert_all_are_read(&crowd[0], &crowd[1]).await;
}

#[tokio::test]
async fn messages_that_an_earlier_version_marked_stay_read_at_that_time() {
    let world = World::new().await;
    let id = MessageId::new(Micros(START * 1_000_000), world.conversation);
    let marked: [(&str, AttributeValue); 7] = [
        ("conversation_id", string(&world.conversation)),
        ("created_at", number(id.created_at().0)),
        ("contact_id", string(&world.kevin.id)),
        ("message", string(&"hello")),
        ("version", number(2)),
        ("read_at", number((START + 5) * 1_000_000)),
        ("updated_at", number((START + 7) * 1_000_000)),
    ];
    import(&world, "MessagesTable", [marked.into()].into_iter());
    let new = world.kevin.sends("new").await;
    let read = format!("read_up_to={new}");
    world.kate.updates_conversation(&read).await.is(200);
    let page = world.linnie.lists_messages("").await.is(200).json();
    assert!(page["data"][0]["read_at"].is_u64());
    assert_eq!(page["data"][1]["read_at"], START + 5);
    assert_eq!(page["data"][1]["updated_at"], START + 7);
}

#[tokio::test]
async fn a_new_message_is_after_everything_that_is_marked_as_read() {
    let world = World::new().await;
    let now = Micros(4_000_000_000_000_000);
    let ahead = world.message_sent_at(&world.kevin, now, "from a host whose clock is ahead");
    let ahead = ahead.await;
    let read = format!("read_up_to={ahead}");
    world.kate.updates_conversation(&read).await.is(200);
    world.kevin.deletes_message(&ahead).await.is(204);
    let later = world.kevin.sends("later").await;
    assert!(later > ahead);
    let message = world.kevin.gets_message(&later).await.json();
    assert_eq!(message["read_at"], Value::Null);
    let conversation = world.kate.gets_conversation().await.json();
    assert_eq!(conversation["unread_count"], 1);
}

#[tokio::test]
async fn a_removed_participant_marks_nothing() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate, &world.linnie], "name=Home")
        .await;
    let kate = world.kate.within(kevin.conversation);
    let id = kevin.sends("hello").await;
    // A host that has read the conversation, and updates it after the removal.
    let proxy = Proxy::start(world.engine()).await;
    let slow = kate.at(&world.host().proxy(proxy.url()).start().await);
    slow.gets("/v1/me").await.is(200);
    proxy.inject("UpdateItem", 1, Fault::Delay(1_500));
    let read = format!("read_up_to={id}");
    let (marked, ()) = futures_util::future::join(slow.updates_conversation(&read), async {
        while !proxy.is_done() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        kevin.removes_participant(&kate).await.is(204);
    })
    .await;
    marked.is(404);
    assert_eq!(kevin.gets_message(&id).await.json()["read_at"], Value::Null);
}

#[tokio::test]
async fn older_reads_are_found_even_if_each_is_an_item_of_its_own() {
    const SIZE: u64 = 40;
    let world = World::new().await;
    let id = world.new_conversation(&[&world.kevin, &world.kate]).await;
    let sent = |message: u64| (START + message) * 1_000_000;
    let message = |number| MessageId::new(Micros(sent(number)), id);
    import_messages(&world, (1..=SIZE).map(message), world.kevin.id);
    let interval = |message: u64| {
        let moments = [sent(message - 1), sent(message), sent(message + 100)];
        let moments = moments.map(|moment| MessageId::prefix(Micros(moment)));
        string(&format!("1{}{}", moments.concat(), world.kate.id))
    };
    let older = (1..SIZE).map(|message| {
        [
            ("conversation_id", string(&id)),
            (
                "up_to",
                string(&format!("1{}", MessageId::prefix(Micros(sent(message))))),
            ),
            ("intervals", AttributeValue::L(vec![interval(message)])),
        ]
        .into()
    });
    import(&world, "ReadsTable", older);
    let recent = json!({
        "TableName": "ConversationsTable",
        "Key": {"id": string(&id)},
        "UpdateExpression": "SET read_log = :recent",
        "ExpressionAttributeValues": {":recent": AttributeValue::L(vec![interval(SIZE)])},
    });
    let recent = serde_json::from_value(recent).unwrap();
    world.engine().database().update_item(recent).unwrap();
    let kevin = world.kevin.within(id);
    for query in ["limit=100", "limit=7", "limit=7&ending_before="] {
        let query = match query.strip_suffix("before=") {
            Some(start) => format!("{start}before={}", message(10)),
            None => query.to_owned(),
        };
        let page = kevin.lists_messages(&query).await.is(200).json();
        for listed in page["data"].as_array().unwrap() {
            let read = listed["created_at"].as_u64().unwrap() + 100;
            assert_eq!(listed["read_at"], read, "{query}");
        }
    }
}
