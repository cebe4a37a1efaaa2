//! Whatever trouble there is with DynamoDB: nothing acknowledged is lost, nothing is there twice.
//!
//! Clients send, react, edit and delete at once through hosts behind [`Chaos`], and retry as good
//! clients do. Afterwards all that is there is compared with what they know. A seed that fails is
//! printed; `CHAOS_SEED=7` runs that one alone, and `CHAOS_SEEDS=1000` so many from 0 on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use serde_json::Value;

use crate::harness::{Answer, Chaos, Person, World};

/// How many seeds are tried if nothing else is said.
const SEEDS: u64 = 200;

/// What each client does, one after the other.
const STEPS: usize = 8;

/// How often a client tries before it gives up.
const TRIES: usize = 12;

/// What a client knows of one message that it wanted to send.
struct Sent {
    text: String,
    began: Instant,
    /// Its id and when that was known, if it was acknowledged.
    acknowledged: Option<(String, Instant)>,
    /// Texts that it tried to give it later, in order, and whether that was acknowledged.
    edits: Vec<(String, bool)>,
    /// Whether it tried to delete it, and whether that was acknowledged.
    deleted: Option<bool>,
}

/// What a client remembers.
#[derive(Default)]
struct Memory {
    sent: Vec<Sent>,
    /// By message and emoji, whether the reaction was acknowledged.
    reactions: BTreeMap<(String, String), bool>,
    /// How many sends were answered with what an earlier attempt had done.
    replayed: usize,
}

/// Tries until there is an answer that says what happened; none if it gives up.
async fn insists<F: Future<Output = Answer>>(attempt: impl Fn() -> F) -> Option<Answer> {
    for _ in 0..TRIES {
        let answer = attempt().await;
        if !answer.status.is_server_error() {
            return Some(answer);
        }
    }
    None
}

async fn lives(person: &Person, number: usize, seed: u64) -> Memory {
    let mut random = fastrand::Rng::with_seed(seed * 10 + number as u64);
    let mut memory = Memory::default();
    for step in 0..STEPS {
        let own: Vec<_> = (0..memory.sent.len())
            .filter(|&index| {
                memory.sent[index].acknowledged.is_some() && memory.sent[index].deleted.is_none()
            })
            .collect();
        let choice = random.usize(..6);
        match own.get(random.usize(..own.len().max(1))) {
            Some(&index) if choice == 0 => {
                let id = memory.sent[index].acknowledged.as_ref().unwrap().0.clone();
                let outcome = insists(|| person.deletes(&id)).await;
                memory.sent[index].deleted = Some(outcome.map(|answer| answer.is(204)).is_some());
            }
            Some(&index) if choice == 1 => {
                let id = memory.sent[index].acknowledged.as_ref().unwrap().0.clone();
                let text = format!("{number}.{step}, edited");
                let form = format!("message={text}");
                let outcome = insists(|| person.changes(&id, form.as_str())).await;
                let acknowledged = outcome.map(|answer| answer.is(200)).is_some();
                memory.sent[index].edits.push((text, acknowledged));
            }
            _ if choice <= 3 => reacts_to_something(person, number, &mut memory).await,
            _ => {
                let text = format!("{number}.{step}");
                let key = format!("{seed}.{text}");
                let began = Instant::now();
                let outcome = insists(|| person.sends_under(&key, &text)).await;
                let acknowledged = outcome.map(|answer| {
                    memory.replayed += usize::from(answer.header("idempotent-replayed") == "true");
                    let id = answer.is(201).json()["id"].as_str().unwrap().to_owned();
                    (id, Instant::now())
                });
                memory.sent.push(Sent {
                    text,
                    began,
                    acknowledged,
                    edits: Vec::new(),
                    deleted: None,
                });
            }
        }
    }
    memory
}

/// Reacts to the newest message that it sees.
async fn reacts_to_something(person: &Person, number: usize, memory: &mut Memory) {
    let Some(list) = insists(|| person.lists("limit=1")).await else {
        return;
    };
    let Some(id) = list.is(200).ids().pop() else {
        return;
    };
    let emoji = format!("e{number}");
    let outcome = insists(|| person.reacts(&id, &emoji)).await;
    // It may have been deleted meanwhile.
    let acknowledged = outcome.is_some_and(|answer| answer.status == 200);
    let known = memory.reactions.entry((id, emoji)).or_default();
    *known = *known || acknowledged;
}

/// What came of a seed.
struct Outcome {
    seed: u64,
    violations: Vec<String>,
    acknowledged: usize,
    replayed: usize,
}

async fn outcome_of(seed: u64, splits: bool) -> Outcome {
    let world = World::new().await;
    let chaos = Chaos::before(world.engine(), seed, splits).await;
    let hosts = [
        world.host_through(chaos.url()).await,
        world.host_through(chaos.url()).await,
    ];
    let people = [&world.kevin, &world.kate, &world.linnie];
    let clients: Vec<_> = (0..5)
        .map(|number| people[number % 3].at(&hosts[number % 2]))
        .collect();
    let lives = clients
        .iter()
        .enumerate()
        .map(|(number, person)| lives(person, number, seed));
    let memories = join_all(lives).await;
    chaos.ends();
    let messages = all(&world.kevin, false).await;
    let mut inboxes = Vec::new();
    for person in people {
        inboxes.push((person.username.clone(), all(person, true).await));
    }
    let sent = memories.iter().flat_map(|memory| &memory.sent);
    Outcome {
        seed,
        violations: compare(&memories, &messages, &inboxes),
        acknowledged: sent.filter(|one| one.acknowledged.is_some()).count(),
        replayed: memories.iter().map(|memory| memory.replayed).sum(),
    }
}

/// All messages that somebody sees, the newest first: of the conversation, or of everything.
async fn all(person: &Person, everything: bool) -> Vec<Value> {
    let page = if everything {
        person.lists_all("limit=100").await
    } else {
        person.lists("limit=100").await
    };
    let page = page.is(200).json();
    assert_eq!(page["has_more"], false);
    page["data"].as_array().unwrap().clone()
}

fn compare(
    memories: &[Memory],
    messages: &[Value],
    inboxes: &[(String, Vec<Value>)],
) -> Vec<String> {
    let mut violations = Vec::new();
    let id = |message: &Value| message["id"].as_str().unwrap().to_owned();
    let by_id: BTreeMap<_, _> = messages
        .iter()
        .map(|message| (id(message), message))
        .collect();
    for (name, inbox) in inboxes {
        let (inbox, there): (Vec<_>, Vec<_>) = (
            inbox.iter().map(id).collect(),
            messages.iter().map(id).collect(),
        );
        if inbox != there {
            violations.push(format!(
                "the inbox of {name} has {inbox:?}, the conversation {there:?}"
            ));
        }
    }
    let sent: Vec<_> = memories.iter().flat_map(|memory| &memory.sent).collect();
    let mut unknown: BTreeSet<_> = by_id.keys().cloned().collect();
    for one in &sent {
        let texts: BTreeSet<_> = [&one.text]
            .into_iter()
            .chain(one.edits.iter().map(|(text, _)| text))
            .collect();
        let there: Vec<_> = messages
            .iter()
            .filter(|message| texts.contains(&message["message"].as_str().unwrap().to_owned()))
            .collect();
        for message in &there {
            unknown.remove(&id(message));
        }
        match (&one.acknowledged, one.deleted) {
            (_, Some(true)) if !there.is_empty() => {
                violations.push(format!("{} was deleted and is there", one.text));
            }
            (Some((known, _)), None)
                if there.iter().map(|message| id(message)).ne([known.clone()]) =>
            {
                violations.push(format!(
                    "{} was acknowledged as {known}, and there is {there:?}",
                    one.text
                ));
            }
            _ if there.len() > 1 => {
                violations.push(format!("{} is there {} times", one.text, there.len()));
            }
            _ => {}
        }
        if let [message] = there[..] {
            // The last acknowledged text, or one that was tried after it.
            let last = one
                .edits
                .iter()
                .rposition(|(_, acknowledged)| *acknowledged);
            let tried = &one.edits[last.unwrap_or(0)..];
            let mut possible: Vec<_> = tried.iter().map(|(text, _)| text.as_str()).collect();
            if last.is_none() {
                possible.push(&one.text);
            }
            if !possible.contains(&message["message"].as_str().unwrap()) {
                violations.push(format!(
                    "{} says {}, not one of {possible:?}",
                    one.text, message["message"]
                ));
            }
        }
    }
    if !unknown.is_empty() {
        violations.push(format!("nobody sent {unknown:?}"));
    }
    for ((message, emoji), acknowledged) in memories.iter().flat_map(|memory| &memory.reactions) {
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
        .flat_map(|one| sent.iter().map(move |other| (one, other)))
    {
        if let (Some((earlier, known)), Some((later, _))) =
            (&before.acknowledged, &after.acknowledged)
            && *known < after.began
            && earlier >= later
        {
            violations.push(format!(
                "{} was acknowledged before {} began, and sorts behind",
                before.text, after.text
            ));
        }
    }
    violations
}

/// What the environment says, or `default`.
fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_there_twice_whatever_happens() {
    let one = std::env::var("CHAOS_SEED").is_ok();
    let seeds = if one {
        let seed = variable("CHAOS_SEED", 0);
        seed..seed + 1
    } else {
        0..variable("CHAOS_SEEDS", SEEDS)
    };
    let outcomes = stream::iter(seeds).map(|seed| outcome_of(seed, false));
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
    println!(
        "{} seeds: {acknowledged} sends acknowledged, {replayed} of them on a repeat",
        outcomes.len()
    );
    assert!(
        acknowledged > 5 * outcomes.len(),
        "most clients get through"
    );
    assert!(one || replayed > 0, "there was trouble");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_split_in_two_is_noticed() {
    for seed in 0..50 {
        if !outcome_of(seed, true).await.violations.is_empty() {
            return;
        }
    }
    panic!("transactions are none, and nothing was noticed");
}
