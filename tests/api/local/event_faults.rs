//! The feed under random faults: a client that follows it has what the lists have.
//!
//! Five contacts send, edit, react and delete in two conversations, and follow their feeds, through hosts whose
//! `DynamoDB` calls [`Chaos`] disturbs. So does the publisher, which gets the records of the stream as Lambda passes
//! them at worst: dealt to several lanes that overtake each other, in batches that are repeated, in part, and in
//! reverse. In the end, every client, from every state that it has ever been in, catches up and compares.

use std::collections::{BTreeMap, VecDeque};

use futures_util::future::join_all;
use local_stack::functions::{self, StreamHandler};
use local_stack::streams::{invocation, records_after};
use serde_json::Value;
use shared::Store;

use super::seeds::{Outcome, assert_violated, run_seeds};
use crate::harness::{Chaos, Person, Response, World};

/// The number of steps per client.
const STEPS: usize = 16;

/// The number of attempts before a client gives up.
const MAX_ATTEMPTS: usize = 20;

/// What is wrong with the system, to test the test.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Flaw {
    /// Nothing.
    None,
    /// The publisher does not repeat what has failed.
    NothingIsRepeated,
    /// The client does not remove what has been deleted.
    DeletionsAreIgnored,
    /// The client asks the list for what is newer, instead of the feed.
    TheListIsPolled,
}

/// What a client knows at a moment.
#[derive(Clone)]
struct State {
    cursor: String,
    messages: BTreeMap<String, Value>,
}

impl State {
    /// A new cursor, and what the list has after that.
    async fn of_now(person: &Person) -> Self {
        let begun = retry(|| person.gets("/v1/events")).await.json();
        Self {
            cursor: begun["cursor"].as_str().unwrap().to_owned(),
            messages: all_messages(person).await,
        }
    }

    fn apply(&mut self, page: &Value, flaw: Flaw) {
        for event in page["data"].as_array().unwrap() {
            let id = event["id"].as_str().unwrap().to_owned();
            match event["type"].as_str().unwrap() {
                "message.created" | "message.updated" => {
                    self.messages.insert(id, event["object"].clone());
                }
                "message.deleted" if flaw == Flaw::DeletionsAreIgnored => {}
                "message.deleted" => {
                    self.messages.remove(&id);
                }
                other => panic!("unexpected event {other}"),
            }
        }
        page["cursor"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.cursor);
    }
}

/// A contact that writes and follows its feed.
struct Client {
    person: Person,
    random: fastrand::Rng,
    flaw: Flaw,
    state: State,
    earlier: Vec<State>,
    own: Vec<String>,
}

impl Client {
    /// A client that begins.
    async fn begin(person: Person, seed: u64, flaw: Flaw) -> Self {
        let state = State::of_now(&person).await;
        Self {
            person,
            random: fastrand::Rng::with_seed(seed),
            flaw,
            earlier: vec![state.clone()],
            state,
            own: Vec::new(),
        }
    }

    async fn run(mut self, conversations: [Person; 2]) -> Self {
        for step in 0..STEPS {
            let other = self.random.choice(self.state.messages.keys()).cloned();
            let own = self.random.choice(&self.own).cloned();
            let person = &self.person;
            match (self.random.usize(..10), own, other) {
                (0..=1, Some(id), _) => {
                    let edit = format!("message=edit {step}");
                    retry(|| person.updates_message(&id, edit.clone())).await;
                }
                (2, Some(id), _) => {
                    retry(|| person.deletes_message(&id)).await;
                    self.own.retain(|known| *known != id);
                }
                (3, _, Some(id)) => {
                    retry(|| person.reacts(&id, "heart")).await;
                }
                (4, _, _) if self.random.usize(..8) == 0 => {
                    self.state = State::of_now(person).await;
                    self.earlier.push(self.state.clone());
                }
                (4..=6, _, _) => {
                    let limit = self.random.usize(1..=100);
                    self.polls(limit).await;
                    self.earlier.push(self.state.clone());
                }
                _ => {
                    let within = &conversations[self.random.usize(..2)];
                    let (key, text) = (format!("{step}"), format!("send {step}"));
                    let sent = retry(|| within.sends_with_key(&key, &text)).await;
                    self.own
                        .extend(sent.json()["id"].as_str().map(str::to_owned));
                }
            }
        }
        self
    }

    /// Reads a page of the feed. Returns whether there is more.
    async fn polls(&mut self, limit: usize) -> bool {
        let person = &self.person;
        if self.flaw == Flaw::TheListIsPolled {
            let newest = self.state.messages.keys().next_back();
            let query = newest.map_or(String::new(), |id| format!("ending_before={id}"));
            let page = retry(|| person.lists_inbox(&query)).await.json();
            self.state.messages.extend(by_id(&page));
            return page["has_more"] == true;
        }
        let cursor = &self.state.cursor;
        let page = retry(|| person.gets_events(cursor, limit)).await.json();
        self.state.apply(&page, self.flaw);
        page["has_more"] == true
    }

    /// Catches up from each state. Returns in what it then differs from the list.
    async fn violations(mut self) -> Vec<String> {
        let listed = all_messages(&self.person).await;
        let mut violations = Vec::new();
        self.earlier.push(self.state.clone());
        for state in std::mem::take(&mut self.earlier) {
            let from = state.cursor.clone();
            self.state = state;
            // Smaller pages are read on the way.
            let limit = self.random.usize(20..=100);
            while self.polls(limit).await {}
            let known = &self.state.messages;
            let missed = listed.iter().filter(|(id, _)| !known.contains_key(*id));
            let missed = missed.map(|(id, _)| format!("{id} is missing from {from} on"));
            let outdated = known
                .iter()
                .filter_map(|(id, message)| match listed.get(id) {
                    None => Some(format!("{id} is deleted, but not from {from} on")),
                    Some(listed) if listed != message => {
                        Some(format!("from {from} on, {message} is not {listed}"))
                    }
                    Some(_) => None,
                });
            violations.extend(missed.chain(outdated));
        }
        violations
    }
}

/// Repeats a request while the response is 503.
async fn retry<F: Future<Output = Response>>(attempt: impl Fn() -> F) -> Response {
    for _ in 0..MAX_ATTEMPTS {
        let response = attempt().await;
        if response.status != 503 {
            return response;
        }
    }
    panic!("{MAX_ATTEMPTS} responses are 503");
}

fn by_id(page: &Value) -> BTreeMap<String, Value> {
    let data = page["data"].as_array().unwrap().iter();
    let id = |message: &Value| message["id"].as_str().unwrap().to_owned();
    data.map(|message| (id(message), message.clone())).collect()
}

/// All messages of a contact's conversations.
async fn all_messages(person: &Person) -> BTreeMap<String, Value> {
    let mut messages = BTreeMap::new();
    let mut query = "limit=100".to_owned();
    loop {
        let page = retry(|| person.lists_inbox(&query)).await.is(200).json();
        messages.extend(by_id(&page));
        let oldest = messages.keys().next();
        let Some(oldest) = oldest.filter(|_| page["has_more"] == true) else {
            return messages;
        };
        query = format!("limit=100&starting_after={oldest}");
    }
}

/// Passes the records of the stream to the function `publish-changes`.
struct Publisher<'a> {
    world: &'a World,
    handler: StreamHandler,
    store: Store,
    random: fastrand::Rng,
    flaw: Flaw,
    position: Option<String>,
    lanes: [VecDeque<Value>; 3],
    failures: usize,
}

impl<'a> Publisher<'a> {
    fn new(world: &'a World, url: &str, seed: u64, flaw: Flaw) -> Self {
        Self {
            world,
            handler: functions::of_streams()["publish-changes"].clone(),
            store: world.stack().store_at(url).unwrap(),
            random: fastrand::Rng::with_seed(seed),
            flaw,
            position: None,
            lanes: Default::default(),
            failures: 0,
        }
    }

    /// Passes a batch, if there is one. Returns whether there was.
    async fn publishes_a_batch(&mut self) -> bool {
        self.deals_records();
        let lanes = 0..self.lanes.len();
        let waiting: Vec<_> = lanes.filter(|&lane| !self.lanes[lane].is_empty()).collect();
        let Some(&lane) = self.random.choice(&waiting) else {
            return false;
        };
        let size = self.random.usize(1..=10).min(self.lanes[lane].len());
        let batch: Vec<_> = self.lanes[lane].iter().take(size).cloned().collect();
        let failed = self.passes(&batch).await;
        let handled = match failed {
            Some(failed) if self.flaw != Flaw::NothingIsRepeated => {
                self.failures += 1;
                let numbers = batch.iter().map(sequence_number);
                numbers.take_while(|number| *number != failed).count()
            }
            _ => size,
        };
        self.lanes[lane].drain(..handled);
        match self.random.usize(..4) {
            0 => drop(self.passes(&batch).await),
            1 => drop(self.passes(&batch[..size / 2]).await),
            2 => {
                let reversed: Vec<_> = batch.iter().rev().cloned().collect();
                self.passes(&reversed).await;
            }
            _ => {}
        }
        true
    }

    /// Deals new records to the lanes: those of a message to the same one.
    fn deals_records(&mut self) {
        let database = self.world.engine().database();
        let position = self.position.as_deref();
        for record in records_after(database, "MessagesTable", position).unwrap() {
            let created_at = &record["dynamodb"]["Keys"]["created_at"]["N"];
            let created_at: usize = created_at.as_str().unwrap().parse().unwrap();
            self.position = Some(sequence_number(&record).to_owned());
            self.lanes[created_at % self.lanes.len()].push_back(record);
        }
    }

    /// Returns the first record that failed.
    async fn passes(&self, records: &[Value]) -> Option<String> {
        let records: Vec<_> = records.iter().collect();
        let event = invocation(&records, String::new()).unwrap();
        let outcome = (self.handler)(self.store.clone(), event).await;
        outcome.first_failure().map(str::to_owned)
    }
}

fn sequence_number(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap()
}

/// What happened in a run.
struct Counts {
    events: usize,
    failures: usize,
}

async fn run_seed(seed: u64, flaw: Flaw) -> Outcome<Counts> {
    let world = World::new().await;
    let crowd = world.crowd(5).await;
    let pair = world.new_conversation(&[&crowd[0], &crowd[1]]).await;
    let group = world
        .new_conversation(&crowd.iter().collect::<Vec<_>>())
        .await;
    // What was sent before is in the list, and not in the feed.
    crowd[0].sends("before").await;
    world.settles().await;

    let chaos = Chaos::start(world.engine(), seed, false).await;
    let host = world.host().proxy(chaos.url()).start().await;
    let begun = crowd.iter().enumerate().map(async |(number, person)| {
        Client::begin(person.at(&host), seed * 10 + number as u64, flaw).await
    });
    let clients = join_all(begun).await;
    let mut publisher = Publisher::new(&world, chaos.url(), seed, flaw);
    let runs = clients.into_iter().enumerate().map(|(number, client)| {
        let second = if number < 2 { pair } else { group };
        let conversations = [client.person.clone(), client.person.within(second)];
        client.run(conversations)
    });
    let runs = join_all(runs);
    let publishing = async {
        loop {
            if !publisher.publishes_a_batch().await {
                tokio::task::yield_now().await;
            }
        }
    };
    let clients = tokio::select! {
        clients = runs => clients,
        () = publishing => unreachable!("it never ends"),
    };
    chaos.stop();
    while publisher.publishes_a_batch().await {}
    let failures = publisher.failures;
    let violations = join_all(clients.into_iter().map(Client::violations)).await;
    let entries = world.items("FeedTable");
    let entries = entries.iter();
    let events = entries.map(|item| item["entries"]["L"].as_array().unwrap().len());
    Outcome {
        violations: violations.concat(),
        counts: Counts {
            events: events.sum(),
            failures,
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_follows_its_feed_has_what_the_lists_have() {
    let (counts, is_single) = run_seeds(|seed| run_seed(seed, Flaw::None)).await;
    let events: usize = counts.iter().map(|counts| counts.events).sum();
    let failures: usize = counts.iter().map(|counts| counts.failures).sum();
    println!(
        "{} seeds: {events} entries, {failures} batches failed and were repeated",
        counts.len()
    );
    assert!(is_single || events > 50 * counts.len());
    assert!(is_single || failures > 0, "faults caused failures");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_repeats_nothing_is_detected() {
    assert_violated(|seed| run_seed(seed, Flaw::NothingIsRepeated)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_ignores_deletions_is_detected() {
    assert_violated(|seed| run_seed(seed, Flaw::DeletionsAreIgnored)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_polls_the_list_is_detected() {
    assert_violated(|seed| run_seed(seed, Flaw::TheListIsPolled)).await;
}
