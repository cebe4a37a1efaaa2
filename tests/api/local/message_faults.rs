//! Random faults between the API and DynamoDB. (`dynamodb_errors` tests single faults.)
//!
//! Five clients concurrently send, react, edit and delete through hosts whose DynamoDB calls [`Chaos`] disturbs, and
//! retry as well-behaved clients do. Afterwards the stored messages are compared with what the clients know.
//! `seeds` has the choice of seeds.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures_util::future::join_all;
use serde_json::Value;
use shared::store::Inconsistency;

use super::seeds::{Outcome, assert_violated, run_seeds};
use crate::harness::{Chaos, Person, Response, World};

/// The number of operations per client.
const STEPS: usize = 8;

/// The number of attempts before a client gives up.
const MAX_ATTEMPTS: usize = 12;

/// What a client knows of a message that it tried to send.
struct SentMessage {
    text: String,
    started_at: Instant,
    /// The id and the time of the acknowledgment, if there was one.
    acknowledged: Option<(String, Instant)>,
    /// The texts of later edits, in order, and whether each was acknowledged. Edits refused with 412 are left out.
    edits: Vec<(String, bool)>,
    /// Whether the deletion was acknowledged, if the client tried to delete the message.
    deleted: Option<bool>,
}

/// A client, and the results of its operations.
struct Client {
    person: Person,
    number: usize,
    seed: u64,
    random: fastrand::Rng,
    sent: Vec<SentMessage>,
    /// By message and emoji, whether the reaction was acknowledged.
    reactions: BTreeMap<(String, String), bool>,
    /// The number of sends whose response was a replay.
    replayed: usize,
    /// The number of edits refused because the message had changed.
    refused: usize,
    /// Responses that no operation should return.
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

    /// Repeats a request while the response is 503. Returns the response with one of the `expected` statuses, or
    /// `None` if there was none.
    async fn retry<F: Future<Output = Response>>(
        &self,
        expected: &[u16],
        attempt: impl Fn() -> F,
    ) -> Option<Response> {
        for _ in 0..MAX_ATTEMPTS {
            let response = attempt().await;
            match response.status.as_u16() {
                status if expected.contains(&status) => return Some(response),
                503 if response.header("retry-after") == "1" => {}
                _ => {
                    let unexpected = format!("unexpected response: {response:?}");
                    self.unexpected_responses.borrow_mut().push(unexpected);
                    return None;
                }
            }
        }
        None
    }

    /// Runs all operations.
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
        let send = || self.person.sends_with_key(&key, &text);
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

    /// Edits one of its messages: the version that it reads first if `conditional`, any version otherwise.
    async fn edit_message(&mut self, index: usize, step: usize, conditional: bool) {
        let id = self.sent[index].id();
        let tag = if conditional {
            let Some(current) = self.retry(&[200], || self.person.gets_message(&id)).await else {
                return;
            };
            current.header("etag").to_owned()
        } else {
            "*".to_owned()
        };
        let text = format!("{}.{step}, edited", self.number);
        let form = format!("message={text}");
        let edit = || self.person.updates_message_if_match(&id, &tag, &form);
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
        let outcome = self
            .retry(&[204], || self.person.deletes_message(&id))
            .await;
        self.sent[index].deleted = Some(outcome.is_some());
    }

    /// Pins or unpins the newest message, and reacts to it.
    async fn react(&mut self) {
        let list = self
            .retry(&[200], || self.person.lists_messages("limit=1"))
            .await;
        let Some(id) = list.and_then(|list| list.ids().pop()) else {
            return;
        };
        let is_pinned = self.random.bool();
        let form = format!("is_pinned={is_pinned}");
        let pin = || self.person.updates_message(&id, form.as_str());
        self.retry(&[200, 404], pin).await;
        let emoji = format!("e{}", self.number);
        // 404 if it was deleted in the meantime.
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

/// What happened in a run.
struct Counts {
    acknowledged: usize,
    replayed: usize,
    refused: usize,
}

/// Runs all clients with a seed. `split_transactions` executes each transaction as two, to test the test.
async fn run_seed(seed: u64, split_transactions: bool) -> Outcome<Counts> {
    let world = World::new().await;
    let chaos = Chaos::start(world.engine(), seed, split_transactions).await;
    let host = || {
        let host = world.host().proxy(chaos.url());
        if records_edits(seed) {
            host.records_edits()
        } else {
            host
        }
    };
    let hosts = [host().start().await, host().start().await];
    let people = [&world.kevin, &world.kate, &world.linnie];
    let runs = (0..5).map(|number| {
        let person = people[number % 3].at(&hosts[number % 2]);
        Client::new(person, number, seed).run()
    });
    let clients = join_all(runs).await;
    chaos.stop();
    let messages = all_messages(&world.kevin, false).await;
    let mut inboxes = Vec::new();
    for person in people {
        inboxes.push((person.username.clone(), all_messages(person, true).await));
    }
    let mut violations = find_violations(&clients, &messages, &inboxes);
    if records_edits(seed) {
        let mut listed = 0;
        for message in &messages {
            let texts = texts_of(&world.kevin, message).await;
            listed += texts.len() - 1;
            violations.extend(find_violation_of_edits(&clients, &texts));
        }
        let stored = world.items("EditsTable").len();
        if stored != listed {
            violations.push(format!("{stored} edits are stored, {listed} are listed"));
        }
    }
    for found in world.inconsistencies().await {
        if let Inconsistency::UnlistedPinnedMessage(_) | Inconsistency::ListedUnpinnedMessage(_) =
            found
        {
            violations.push(format!("{found:?}"));
        }
    }
    let sent = clients.iter().flat_map(|client| &client.sent);
    let counts = Counts {
        acknowledged: sent.filter(|send| send.acknowledged.is_some()).count(),
        replayed: clients.iter().map(|client| client.replayed).sum(),
        refused: clients.iter().map(|client| client.refused).sum(),
    };
    Outcome { violations, counts }
}

/// Whether the hosts record edits.
fn records_edits(seed: u64) -> bool {
    seed % 2 == 1
}

/// What a message has said, oldest first, and says now.
async fn texts_of(person: &Person, message: &Value) -> Vec<String> {
    let path = format!("/v1/messages/{}/edits", message["id"].as_str().unwrap());
    let page = person.gets(&path).await.is(200).json();
    let edits = page["data"].as_array().unwrap().iter().rev();
    let texts = edits.chain([message]).map(|edit| &edit["message"]);
    texts
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

/// What a message has said must be what was sent, then every acknowledged edit, in order. An edit that was not
/// acknowledged may have been made.
fn find_violation_of_edits(clients: &[Client], texts: &[String]) -> Option<String> {
    let mut all = clients.iter().flat_map(|client| &client.sent);
    let Some(send) = all.find(|send| texts.first() == Some(&send.text)) else {
        return Some(format!("{texts:?} begins with no text that was sent"));
    };
    let mut recorded = texts[1..].iter().peekable();
    for (text, is_acknowledged) in &send.edits {
        let is_recorded = recorded.next_if_eq(&text).is_some();
        if *is_acknowledged && !is_recorded {
            return Some(format!("{texts:?} lacks the edit {text}"));
        }
    }
    recorded
        .next()
        .map(|text| format!("{texts:?} has {text}, which is no edit, or out of order"))
}

/// Lists all messages of the conversation, or of the whole inbox, newest first.
async fn all_messages(person: &Person, whole_inbox: bool) -> Vec<Value> {
    let page = if whole_inbox {
        person.lists_inbox("limit=100").await
    } else {
        person.lists_messages("limit=100").await
    };
    let page = page.is(200).json();
    assert_eq!(page["has_more"], false);
    page["data"].as_array().unwrap().clone()
}

/// Compares the stored messages with the clients' knowledge; returns one line for each contradiction.
#[expect(clippy::too_many_lines, reason = "one block per guarantee")]
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
                violations.push(format!("{} was deleted and is still listed", send.text));
            }
            (Some((known_id, _)), None)
                if found
                    .iter()
                    .map(|message| id(message))
                    .ne([known_id.clone()]) =>
            {
                violations.push(format!(
                    "{} was acknowledged as {known_id}, but stored is {found:?}",
                    send.text
                ));
            }
            _ if found.len() > 1 => {
                violations.push(format!("{} is stored {} times", send.text, found.len()));
            }
            _ => {}
        }
        if let [message] = found[..] {
            // The text must be that of the last acknowledged edit or of a later attempt.
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
                    "{} has the text {}, not one of {possible:?}",
                    send.text, message["message"]
                ));
            }
        }
    }
    if !unknown.is_empty() {
        violations.push(format!("no client sent {unknown:?}"));
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
                "{} was acknowledged before {} was sent, but sorts after it",
                before.text, after.text
            ));
        }
    }
    violations
}

#[tokio::test(flavor = "multi_thread")]
async fn under_random_faults_no_acknowledged_write_is_lost_and_none_is_applied_twice() {
    let (outcomes, is_single) = run_seeds(|seed| run_seed(seed, false)).await;
    let acknowledged: usize = outcomes.iter().map(|outcome| outcome.acknowledged).sum();
    let replayed: usize = outcomes.iter().map(|outcome| outcome.replayed).sum();
    let refused: usize = outcomes.iter().map(|outcome| outcome.refused).sum();
    println!(
        "{} seeds: {acknowledged} sends acknowledged, {replayed} of them as replays; {refused} edits refused",
        outcomes.len()
    );
    assert!(is_single || acknowledged > 5 * outcomes.len());
    assert!(is_single || replayed > 0, "faults caused replays");
    assert!(
        is_single || refused > 0,
        "some edits conflicted with a later version"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_executed_in_two_parts_are_detected_as_violations() {
    assert_violated(|seed| run_seed(seed, true)).await;
}
