//! Whatever trouble there is with DynamoDB: nothing acknowledged is lost, nothing is there twice.
//!
//! Clients send, react, edit and delete at once through hosts behind [`Chaos`], and retry as good
//! clients do. Afterwards all that is there is compared with what they know. A seed that fails is
//! printed. A seed is a plan of who does what and which calls meet which trouble; which of the clients
//! is first is not in it. So `CHAOS_SEED=7` tries that plan alone, with `CHAOS_SEEDS=100` a hundred times;
//! `CHAOS_SEEDS=1000` alone tries so many runs.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use serde_json::Value;

use crate::harness::{Answer, Chaos, Person, World};

/// What each client does, one after the other.
const STEPS: usize = 8;

/// How often a client tries before it gives up.
const MAX_ATTEMPTS: usize = 12;

/// What a client knows of one message that it wanted to send.
struct SentMessage {
    text: String,
    started_at: Instant,
    /// Its id and when that was known, if it was acknowledged.
    acknowledged: Option<(String, Instant)>,
    /// Texts that it tried to give it later, in order, and whether that was acknowledged; not those that
    /// were refused because the message had changed.
    edits: Vec<(String, bool)>,
    /// Whether it tried to delete it, and whether that was acknowledged.
    deleted: Option<bool>,
}

/// A client, and what it remembers.
struct Client {
    person: Person,
    number: usize,
    seed: u64,
    random: fastrand::Rng,
    sent: Vec<SentMessage>,
    /// By message and emoji, whether the reaction was acknowledged.
    reactions: BTreeMap<(String, String), bool>,
    /// How many sends were answered with what an earlier attempt had done.
    replayed: usize,
    /// How many edits were refused because the message had changed.
    refused: usize,
    /// Answers that nobody should get.
    unexpected_responses: RefCell<Vec<String>>,
}

impl Client {
    fn new(person: Person, number: usize, seed: u64) -> Self {
        Self {
            person,
            number,
            seed,
            random: fastrand::Rng::with_seed(seed * 10 + number as u64),
            sent: Vec::new(),
            reactions: BTreeMap::new(),
            replayed: 0,
            refused: 0,
            unexpected_responses: RefCell::default(),
        }
    }

    /// Tries until there is an answer that says what happened, one of these; none if it gives up.
    async fn retry<F: Future<Output = Answer>>(
        &self,
        expected: &[u16],
        attempt: impl Fn() -> F,
    ) -> Option<Answer> {
        for _ in 0..MAX_ATTEMPTS {
            let response = attempt().await;
            match response.status.as_u16() {
                status if expected.contains(&status) => return Some(response),
                503 if response.header("retry-after") == "1" => {}
                _ => {
                    let unexpected = format!("nobody expects {response:?}");
                    self.unexpected_responses.borrow_mut().push(unexpected);
                    return None;
                }
            }
        }
        None
    }

    async fn run(mut self) -> Self {
        for step in 0..STEPS {
            let own: Vec<_> = (0..self.sent.len())
                .filter(|&index| {
                    self.sent[index].acknowledged.is_some() && self.sent[index].deleted.is_none()
                })
                .collect();
            let choice = self.random.usize(..7);
            match own.get(self.random.usize(..own.len().max(1))) {
                Some(&index) if choice == 0 => self.delete_message(index).await,
                Some(&index) if choice <= 2 => self.edit_message(index, step, choice == 1).await,
                _ if choice <= 4 => self.react().await,
                _ => self.send_message(step).await,
            }
        }
        self
    }

    async fn send_message(&mut self, step: usize) {
        let text = format!("{}.{step}", self.number);
        let key = format!("{}.{text}", self.seed);
        let started_at = Instant::now();
        let send = || self.person.sends_under(&key, &text);
        let outcome = self.retry(&[201], send).await;
        let acknowledged = outcome.map(|response| {
            self.replayed += usize::from(response.header("idempotent-replayed") == "true");
            let id = response.json()["id"].as_str().unwrap().to_owned();
            (id, Instant::now())
        });
        self.sent.push(SentMessage {
            text,
            started_at,
            acknowledged,
            edits: Vec::new(),
            deleted: None,
        });
    }

    /// Edits a message of its own, whatever it says or only as it saw it last.
    async fn edit_message(&mut self, index: usize, step: usize, as_seen: bool) {
        let id = self.sent[index].id();
        let tag = if as_seen {
            let Some(seen) = self.retry(&[200], || self.person.reads(&id)).await else {
                return;
            };
            seen.header("etag").to_owned()
        } else {
            "*".to_owned()
        };
        let text = format!("{}.{step}, edited", self.number);
        let form = format!("message={text}");
        let edit = || self.person.changes_if(&id, &tag, &form);
        let outcome = self.retry(&[200, 412], edit).await;
        if outcome
            .as_ref()
            .is_some_and(|response| response.status == 412)
        {
            self.refused += 1;
        } else {
            self.sent[index].edits.push((text, outcome.is_some()));
        }
    }

    async fn delete_message(&mut self, index: usize) {
        let id = self.sent[index].id();
        let outcome = self.retry(&[204], || self.person.deletes(&id)).await;
        self.sent[index].deleted = Some(outcome.is_some());
    }

    /// Reacts to the newest message that it sees.
    async fn react(&mut self) {
        let list = self.retry(&[200], || self.person.lists("limit=1")).await;
        let Some(id) = list.and_then(|list| list.ids().pop()) else {
            return;
        };
        let emoji = format!("e{}", self.number);
        // It may have been deleted meanwhile.
        let react = || self.person.reacts(&id, &emoji);
        let outcome = self.retry(&[200, 404], react).await;
        let acknowledged = outcome.is_some_and(|response| response.status == 200);
        let is_acknowledged = self.reactions.entry((id, emoji)).or_default();
        *is_acknowledged = *is_acknowledged || acknowledged;
    }
}

impl SentMessage {
    fn id(&self) -> String {
        self.acknowledged.as_ref().unwrap().0.clone()
    }
}

/// What came of a seed.
struct Outcome {
    seed: u64,
    violations: Vec<String>,
    acknowledged: usize,
    replayed: usize,
    refused: usize,
}

async fn run_seed(seed: u64, splits: bool) -> Outcome {
    let world = World::new().await;
    let chaos = Chaos::before(world.engine(), seed, splits).await;
    let hosts = [
        world.host_through(chaos.url()).await,
        world.host_through(chaos.url()).await,
    ];
    let people = [&world.kevin, &world.kate, &world.linnie];
    let runs = (0..5).map(|number| {
        let person = people[number % 3].at(&hosts[number % 2]);
        Client::new(person, number, seed).run()
    });
    let clients = join_all(runs).await;
    chaos.ends();
    let messages = all_messages(&world.kevin, false).await;
    let mut inboxes = Vec::new();
    for person in people {
        inboxes.push((person.username.clone(), all_messages(person, true).await));
    }
    let sent = clients.iter().flat_map(|client| &client.sent);
    Outcome {
        seed,
        acknowledged: sent.filter(|send| send.acknowledged.is_some()).count(),
        violations: find_violations(&clients, &messages, &inboxes),
        replayed: clients.iter().map(|client| client.replayed).sum(),
        refused: clients.iter().map(|client| client.refused).sum(),
    }
}

/// All messages that somebody sees, the newest first: of the conversation, or of whole_inbox.
async fn all_messages(person: &Person, whole_inbox: bool) -> Vec<Value> {
    let page = if whole_inbox {
        person.lists_all("limit=100").await
    } else {
        person.lists("limit=100").await
    };
    let page = page.is(200).json();
    assert_eq!(page["has_more"], false);
    page["data"].as_array().unwrap().clone()
}

fn find_violations(
    clients: &[Client],
    messages: &[Value],
    inboxes: &[(String, Vec<Value>)],
) -> Vec<String> {
    let unexpected_responses = clients
        .iter()
        .map(|client| client.unexpected_responses.borrow().clone());
    let mut violations: Vec<_> = unexpected_responses.flatten().collect();
    let id = |message: &Value| message["id"].as_str().unwrap().to_owned();
    let by_id: BTreeMap<_, _> = messages
        .iter()
        .map(|message| (id(message), message))
        .collect();
    for (name, inbox) in inboxes {
        let (inbox, found): (Vec<_>, Vec<_>) = (
            inbox.iter().map(id).collect(),
            messages.iter().map(id).collect(),
        );
        if inbox != found {
            violations.push(format!(
                "the inbox of {name} has {inbox:?}, the conversation {found:?}"
            ));
        }
    }
    let sent: Vec<_> = clients.iter().flat_map(|client| &client.sent).collect();
    let mut unknown: BTreeSet<_> = by_id.keys().cloned().collect();
    for send in &sent {
        let texts: BTreeSet<_> = [&send.text]
            .into_iter()
            .chain(send.edits.iter().map(|(text, _)| text))
            .collect();
        let found: Vec<_> = messages
            .iter()
            .filter(|message| texts.contains(&message["message"].as_str().unwrap().to_owned()))
            .collect();
        for message in &found {
            unknown.remove(&id(message));
        }
        match (&send.acknowledged, send.deleted) {
            (_, Some(true)) if !found.is_empty() => {
                violations.push(format!("{} was deleted and is found", send.text));
            }
            (Some((known_id, _)), None)
                if found
                    .iter()
                    .map(|message| id(message))
                    .ne([known_id.clone()]) =>
            {
                violations.push(format!(
                    "{} was acknowledged as {known_id}, and found is {found:?}",
                    send.text
                ));
            }
            _ if found.len() > 1 => {
                violations.push(format!("{} is found {} times", send.text, found.len()));
            }
            _ => {}
        }
        if let [message] = found[..] {
            // The last acknowledged text, or one that was tried after it.
            let last = send
                .edits
                .iter()
                .rposition(|(_, acknowledged)| *acknowledged);
            let tried = &send.edits[last.unwrap_or(0)..];
            let mut possible: Vec<_> = tried.iter().map(|(text, _)| text.as_str()).collect();
            if last.is_none() {
                possible.push(&send.text);
            }
            if !possible.contains(&message["message"].as_str().unwrap()) {
                violations.push(format!(
                    "{} says {}, not one of {possible:?}",
                    send.text, message["message"]
                ));
            }
        }
    }
    if !unknown.is_empty() {
        violations.push(format!("nobody sent {unknown:?}"));
    }
    for ((message, emoji), acknowledged) in clients.iter().flat_map(|client| &client.reactions) {
        if let Some(message) = by_id.get(message)
            && *acknowledged
            && !message["reactions"]
                .as_array()
                .unwrap()
                .iter()
                .any(|reaction| reaction.get(emoji).is_some())
        {
            violations.push(format!("the reaction {emoji} to {message} is lost"));
        }
    }
    for (before, after) in sent
        .iter()
        .flat_map(|send| sent.iter().map(move |other| (send, other)))
    {
        if let (Some((earlier, acknowledged_at)), Some((later, _))) =
            (&before.acknowledged, &after.acknowledged)
            && *acknowledged_at < after.started_at
            && earlier >= later
        {
            violations.push(format!(
                "{} was acknowledged before {} started_at, and sorts behind",
                before.text, after.text
            ));
        }
    }
    violations
}

/// What the environment says.
fn env_number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_there_twice_whatever_happens() {
    let single_seed = env_number("CHAOS_SEED");
    let runs = env_number("CHAOS_SEEDS").unwrap_or(if single_seed.is_some() {
        1
    } else {
        api_tests::cases(40, 200)
    });
    let seeds = (0..runs).map(|seed| single_seed.unwrap_or(seed));
    let outcomes = stream::iter(seeds).map(|seed| run_seed(seed, false));
    let outcomes: Vec<_> = outcomes.buffer_unordered(8).collect().await;
    let failed = outcomes
        .iter()
        .filter(|outcome| !outcome.violations.is_empty());
    let failed: BTreeMap<_, _> = failed
        .map(|outcome| (outcome.seed, &outcome.violations))
        .collect();
    assert!(failed.is_empty(), "by CHAOS_SEED: {failed:#?}");
    let acknowledged: usize = outcomes.iter().map(|outcome| outcome.acknowledged).sum();
    let replayed: usize = outcomes.iter().map(|outcome| outcome.replayed).sum();
    let refused: usize = outcomes.iter().map(|outcome| outcome.refused).sum();
    println!(
        "{} seeds: {acknowledged} sends acknowledged, {replayed} of them on a repeat; {refused} edits refused",
        outcomes.len()
    );
    assert!(single_seed.is_some() || acknowledged > 5 * outcomes.len());
    assert!(single_seed.is_some() || replayed > 0, "there was trouble");
    assert!(
        single_seed.is_some() || refused > 0,
        "some edits met a later version"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_split_in_two_is_noticed() {
    for seed in 0..50 {
        if !run_seed(seed, true).await.violations.is_empty() {
            return;
        }
    }
    panic!("transactions are none, and nothing was noticed");
}
