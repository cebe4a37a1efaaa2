//! The feed under random faults: a client that follows it has what the lists have.
//!
//! Five contacts send, edit, react, delete and read in four conversations, join and leave one of them, change settings,
//! and follow their feeds, through hosts whose `DynamoDB` calls [`Chaos`] disturbs. So does the publisher, which gets the
//! records of the streams as Lambda passes them at worst: dealt to several lanes that overtake each other, in batches
//! that are repeated, in part, and in reverse. In the end, every client catches up and compares, from its first state and
//! from another that it has been in.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use futures_util::future::join_all;
use local_stack::functions::{self, StreamHandler};
use local_stack::streams::{invocation, records_after};
use local_stack::template::{Stream, Template};
use serde_json::Value;
use shared::Store;
use shared::id::MessageId;

use super::feed_client::{Ignored, State, retry};
use super::seeds::{Outcome, assert_violated, run_seeds};
use crate::harness::{Chaos, Person, World};

/// The number of steps per client.
const STEPS: usize = 16;

/// The number of states from which a client catches up in the end.
const MAX_COMPARED: usize = 2;

/// The number of lanes per stream.
const LANES: usize = 3;

/// What is wrong with the system, to test the test.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Flaw {
    /// Nothing.
    None,
    /// The publisher does not repeat what has failed.
    NothingIsRepeated,
    /// The client asks the list for what is newer, instead of the feed.
    TheListIsPolled,
    /// The client ignores some events.
    ClientIgnores(Ignored),
}

impl Flaw {
    fn ignored(self) -> Option<Ignored> {
        match self {
            Self::ClientIgnores(ignored) => Some(ignored),
            Self::None | Self::NothingIsRepeated | Self::TheListIsPolled => None,
        }
    }
}

/// A contact that writes and follows its feed.
struct Client {
    person: Person,
    random: fastrand::Rng,
    flaw: Flaw,
    state: State,
    /// All that it has been in, the present one included.
    states: Vec<State>,
    own: Vec<String>,
}

impl Client {
    /// A client that begins.
    async fn begin(person: Person, seed: u64, flaw: Flaw) -> Self {
        let state = State::of_now(&person, flaw.ignored()).await;
        Self {
            person,
            random: fastrand::Rng::with_seed(seed),
            flaw,
            states: vec![state.clone()],
            state,
            own: Vec::new(),
        }
    }

    async fn run(mut self, conversations: Vec<Person>, others: Vec<Person>) -> Self {
        for step in 0..STEPS {
            let known = self.random.choice(self.state.messages.keys()).cloned();
            let own = self.random.choice(&self.own).cloned();
            let within = self.random.choice(&conversations).unwrap();
            let other = self.random.choice(&others).unwrap();
            let person = &self.person;
            match (self.random.usize(..16), own, known) {
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
                    self.state = State::of_now(person, self.flaw.ignored()).await;
                    self.states.push(self.state.clone());
                }
                (4..=6, _, _) => {
                    let limit = self.random.usize(1..=100);
                    self.polls(limit).await;
                    self.states.push(self.state.clone());
                }
                (7..=8, _, Some(id)) => {
                    let id: MessageId = id.parse().unwrap();
                    let reader = person.within(id.conversation());
                    let form = format!("read_up_to={id}");
                    retry(|| reader.updates_conversation(&form)).await;
                }
                (9, _, _) => {
                    let names = ["is_muted", "is_pinned", "archived"];
                    let name = self.random.choice(names).unwrap();
                    let form = format!("{name}={}", self.random.bool());
                    retry(|| within.updates_conversation(&form)).await;
                }
                // Those who may not are refused.
                (10, _, _) => {
                    let form = format!("name=name {step}");
                    retry(|| within.updates_conversation(&form)).await;
                }
                (11, _, _) => drop(retry(|| within.adds_participant(other)).await),
                (12, _, _) => drop(retry(|| within.removes_participant(other)).await),
                (13, _, _) if self.random.usize(..4) == 0 => {
                    retry(|| within.leaves_conversation()).await;
                }
                _ => {
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
            for message in page["data"].as_array().unwrap() {
                self.state.put_message(message);
            }
            return page["has_more"] == true;
        }
        let cursor = &self.state.cursor;
        let page = retry(|| person.gets_events(cursor, limit)).await.json();
        self.state.apply(person, &page).await;
        page["has_more"] == true
    }

    /// Catches up from each state. Returns in what it then differs from the lists.
    async fn violations(mut self) -> Vec<String> {
        let listed = State::of_now(&self.person, None).await;
        let mut violations = Vec::new();
        let mut states = std::mem::take(&mut self.states);
        // The first one, after which most has happened, and some of the others.
        self.random.shuffle(&mut states[1..]);
        for state in states.into_iter().take(MAX_COMPARED) {
            let from = state.cursor.clone();
            self.state = state;
            // Smaller pages are read on the way.
            let limit = self.random.usize(20..=100);
            while self.polls(limit).await {}
            violations.extend(self.state.differences(&listed, &from));
        }
        violations
    }
}

/// Passes the records of the streams to the function `publish-changes`.
struct Publisher<'a> {
    world: &'a World,
    handler: StreamHandler,
    store: Store,
    random: fastrand::Rng,
    flaw: Flaw,
    streams: Vec<Stream>,
    /// How far each stream has been read.
    positions: BTreeMap<String, String>,
    lanes: Vec<VecDeque<Value>>,
    failures: usize,
}

impl<'a> Publisher<'a> {
    /// One that passes what happens from now on.
    fn new(world: &'a World, url: &str, seed: u64, flaw: Flaw) -> Self {
        let mut functions = Template::embedded().unwrap().functions.into_iter();
        let publisher = functions.find(|function| function.binary == "publish-changes");
        let streams = publisher.unwrap().streams;
        let mut publisher = Self {
            world,
            handler: functions::of_streams()["publish-changes"].clone(),
            store: world.stack().store_at(url).unwrap(),
            random: fastrand::Rng::with_seed(seed),
            flaw,
            lanes: vec![VecDeque::new(); LANES * streams.len()],
            streams,
            positions: BTreeMap::new(),
            failures: 0,
        };
        publisher.deals_records();
        publisher.lanes.iter_mut().for_each(VecDeque::clear);
        publisher
    }

    /// Passes a batch, if there is one. Returns whether there was.
    async fn publishes_a_batch(&mut self) -> bool {
        let mut waiting = self.waiting_lanes();
        if waiting.is_empty() {
            self.deals_records();
            waiting = self.waiting_lanes();
        }
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
        if self.flaw == Flaw::NothingIsRepeated {
            return true;
        }
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

    fn waiting_lanes(&self) -> Vec<usize> {
        let lanes = 0..self.lanes.len();
        lanes.filter(|&lane| !self.lanes[lane].is_empty()).collect()
    }

    /// Deals new records to the lanes: those of an item to the same one.
    fn deals_records(&mut self) {
        let database = self.world.engine().database();
        for (number, stream) in self.streams.iter().enumerate() {
            let position = self.positions.get(&stream.table).map(String::as_str);
            for record in records_after(database, &stream.table, position).unwrap() {
                let position = sequence_number(&record).to_owned();
                self.positions.insert(stream.table.clone(), position);
                if stream.passes(&record) {
                    let mut hasher = DefaultHasher::new();
                    record["dynamodb"]["Keys"].to_string().hash(&mut hasher);
                    let lane = usize::try_from(hasher.finish() % LANES as u64).unwrap();
                    self.lanes[number * LANES + lane].push_back(record);
                }
            }
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
    let others: Vec<_> = crowd[1..4].iter().collect();
    let band = crowd[0].creates_conversation(&others, "name=Band").await;
    // What was sent and read before is in the lists, and not in the feed.
    crowd[0].sends("before").await;
    let id = band.sends("before").await;
    let reader = crowd[1].within(band.conversation);
    let form = format!("read_up_to={id}");
    reader.updates_conversation(&form).await.is(200);
    world.settles().await;

    let chaos = Chaos::start(world.engine(), seed, false).await;
    let host = world.host().proxy(chaos.url()).start().await;
    let mut publisher = Publisher::new(&world, chaos.url(), seed, flaw);
    let begun = crowd.iter().enumerate().map(async |(number, person)| {
        Client::begin(person.at(&host), seed * 10 + number as u64, flaw).await
    });
    let clients = join_all(begun).await;
    // One joins after it has begun, whatever happens later.
    let band = band.at(&host);
    retry(|| band.adds_participant(&crowd[4])).await;
    let runs = clients.into_iter().enumerate().map(|(number, client)| {
        let second = if number < 2 { pair } else { group };
        let person = client.person.clone();
        // Most happens where they join and leave.
        let conversations = [
            person.conversation,
            second,
            band.conversation,
            band.conversation,
        ];
        let conversations = conversations.map(|id| person.within(id));
        client.run(conversations.to_vec(), crowd.clone())
    });
    let runs = join_all(runs);
    let publishing = async {
        loop {
            if !publisher.publishes_a_batch().await {
                // Reading streams all the time would slow the clients down.
                tokio::time::sleep(Duration::from_millis(10)).await;
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
    assert_violated(|seed| run_seed(seed, Flaw::ClientIgnores(Ignored::Deletions))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_ignores_joins_is_detected() {
    assert_violated(|seed| run_seed(seed, Flaw::ClientIgnores(Ignored::Joins))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_polls_the_list_is_detected() {
    assert_violated(|seed| run_seed(seed, Flaw::TheListIsPolled)).await;
}
