//! Random faults while strangers invite, accept, decline, block and leave. (`message_faults` is about messages.)
//!
//! Each of four contacts that have never met does this through a host of its own, whose DynamoDB calls [`Chaos`]
//! disturbs, and retries as well-behaved clients do. Afterwards the responses are checked against each other, and
//! against what is stored. `seeds` has the choice of seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Instant;

use futures_util::future::join_all;
use serde_json::Value;
use shared::id::ConversationId;
use shared::store::{Admin, Inconsistency};

use super::seeds::{Outcome, assert_violated, run_seeds};
use crate::harness::{Chaos, Person, Response, World};

/// The number of contacts.
const PEOPLE: usize = 4;

/// The number of actions per contact.
const STEPS: usize = 10;

/// The number of attempts before a contact gives up.
const MAX_ATTEMPTS: usize = 12;

/// What a contact does; numbers are other contacts.
#[derive(Clone, Debug, PartialEq)]
enum Action {
    CreatePair(usize),
    CreateGroup(usize),
    Add(ConversationId, usize),
    Accept(ConversationId),
    Leave(ConversationId),
    Send(ConversationId, String),
    Block(usize),
    Unblock(usize),
}

/// An action and its last response.
#[derive(Clone, Debug)]
struct Event {
    actor: usize,
    action: Action,
    started: Instant,
    ended: Instant,
    /// None if the contact gave up: it may have happened or not, or happen later.
    status: Option<u16>,
    /// The id in the response.
    id: Option<String>,
}

impl Event {
    fn is_before(&self, other: &Event) -> bool {
        self.ended <= other.started
    }
}

/// A conversation that a contact knows to exist.
#[derive(Clone, Copy)]
struct Known {
    id: ConversationId,
    /// Whether it was created as the conversation of these two.
    pair: Option<[usize; 2]>,
}

struct Run<'a> {
    people: &'a [Person],
    conversations: Mutex<Vec<Known>>,
    unexpected_responses: Mutex<Vec<String>>,
}

impl Run<'_> {
    /// Lets a contact act, and returns what happened.
    async fn act(&self, actor: usize, seed: u64) -> Vec<Event> {
        let mut random = fastrand::Rng::with_seed(seed * 10 + actor as u64);
        let mut events = Vec::new();
        for step in 0..STEPS {
            let action = self.choose(actor, step, &mut random);
            let started = Instant::now();
            let response = self.retry(actor, &action).await;
            let id = response.as_ref().and_then(|response| {
                let json = response.json();
                json["id"].as_str().map(str::to_owned)
            });
            let status = response.map(|response| response.status.as_u16());
            if let (Some(200 | 201), Some(id)) = (status, &id) {
                self.remember(actor, &action, id);
            }
            events.push(Event {
                actor,
                action,
                started,
                ended: Instant::now(),
                status,
                id,
            });
        }
        events
    }

    fn choose(&self, actor: usize, step: usize, random: &mut fastrand::Rng) -> Action {
        let other = (actor + random.usize(1..PEOPLE)) % PEOPLE;
        let known = self.conversations.lock().unwrap();
        let conversation = random.choice(known.iter()).map(|known| known.id);
        match (random.usize(0..12), conversation) {
            (0, _) => Action::Block(other),
            (1, _) => Action::Unblock(other),
            (2, _) => Action::CreatePair(other),
            (3, _) | (_, None) => Action::CreateGroup(other),
            (4 | 5, Some(id)) => Action::Add(id, other),
            (6 | 7, Some(id)) => Action::Accept(id),
            (8, Some(id)) => Action::Leave(id),
            (_, Some(id)) => Action::Send(id, format!("{actor}.{step}")),
        }
    }

    fn remember(&self, actor: usize, action: &Action, id: &str) {
        let pair = match action {
            Action::CreatePair(other) => Some([actor, *other]),
            Action::CreateGroup(_) => None,
            _ => return,
        };
        let id = id.parse().unwrap();
        let mut known = self.conversations.lock().unwrap();
        if known.iter().all(|known| known.id != id) {
            known.push(Known { id, pair });
        }
    }

    /// Repeats the action while the response is 503, or 202: who left has to be cleaned up after.
    async fn retry(&self, actor: usize, action: &Action) -> Option<Response> {
        let expected: &[u16] = match action {
            Action::CreatePair(_) => &[200, 201, 403],
            Action::CreateGroup(_) => &[201, 403],
            Action::Add(..) => &[200, 403, 404],
            Action::Accept(_) => &[200, 404],
            Action::Leave(_) => &[204, 404],
            Action::Send(..) => &[201, 403, 404],
            Action::Block(_) | Action::Unblock(_) => &[204],
        };
        for _ in 0..MAX_ATTEMPTS {
            let response = self.attempt(actor, action).await;
            match response.status.as_u16() {
                status if expected.contains(&status) => return Some(response),
                202 | 503 => {}
                _ => {
                    let unexpected = format!("{action:?} by {actor}: {response:?}");
                    self.unexpected_responses.lock().unwrap().push(unexpected);
                    return None;
                }
            }
        }
        None
    }

    async fn attempt(&self, actor: usize, action: &Action) -> Response {
        let people = self.people;
        let person = &people[actor];
        match action {
            Action::CreatePair(other) => {
                person
                    .tries_to_create_conversation(&[&people[*other]], "")
                    .await
            }
            Action::CreateGroup(other) => {
                person
                    .tries_to_create_conversation(&[&people[*other]], "name=group")
                    .await
            }
            Action::Add(id, other) => person.within(*id).adds_participant(&people[*other]).await,
            Action::Accept(id) => {
                person
                    .within(*id)
                    .updates_conversation("accepted=true")
                    .await
            }
            Action::Leave(id) => person.within(*id).leaves_conversation().await,
            Action::Send(id, text) => person.within(*id).sends_with_key(text, text).await,
            Action::Block(other) => person.blocks(&people[*other]).await,
            Action::Unblock(other) => person.unblocks(&people[*other]).await,
        }
    }
}

/// How many responses there were by status.
type Statuses = BTreeMap<Option<u16>, usize>;

async fn run_seed(seed: u64, split_transactions: bool) -> Outcome<Statuses> {
    let world = World::new().await;
    let chaos = Chaos::start(world.engine(), seed, split_transactions).await;
    let mut calm = Vec::new();
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let person = world.new_person(&format!("number{number}")).await;
        people.push(person.at(&world.host().proxy(chaos.url()).start().await));
        calm.push(person);
    }
    let run = Run {
        people: &people,
        conversations: Mutex::default(),
        unexpected_responses: Mutex::default(),
    };
    let events = join_all((0..PEOPLE).map(|actor| run.act(actor, seed))).await;
    let events = events.concat();
    chaos.stop();
    let known = run.conversations.into_inner().unwrap();
    let mut violations = run.unexpected_responses.into_inner().unwrap();
    violations.extend(refusals_ignored(&events, &known));
    violations.extend(acknowledgments_broken(
        &events,
        &world.inconsistencies().await,
    ));
    violations.extend(repair(&world).await);
    violations.extend(lists_disagree(&events, &known, &calm).await);
    let mut statuses = Statuses::new();
    for event in &events {
        *statuses.entry(event.status).or_default() += 1;
    }
    Outcome {
        violations,
        counts: statuses,
    }
}

/// Whoever was refused before the request began has not reached the other.
fn refusals_ignored(events: &[Event], known: &[Known]) -> Vec<String> {
    let mut violations = Vec::new();
    for event in events {
        let other = match (&event.action, event.status) {
            (Action::CreatePair(other) | Action::CreateGroup(other), Some(201)) => *other,
            (Action::Add(id, other), Some(200)) if !may_be_in(events, *id, *other) => *other,
            (Action::Send(id, _), Some(201)) => {
                let pair = known.iter().find(|known| known.id == *id);
                match pair.and_then(|known| known.pair) {
                    Some(pair) if !has_tried(events, &Action::Leave(*id)) => {
                        pair[usize::from(pair[0] == event.actor)]
                    }
                    _ => continue,
                }
            }
            _ => continue,
        };
        let is_blocked = events.iter().any(|block| {
            let unblocks = |between: &&Event| {
                between.actor == other
                    && between.action == Action::Unblock(event.actor)
                    && block.is_before(between)
                    && between.started < event.ended
            };
            block.actor == other
                && block.action == Action::Block(event.actor)
                && block.status == Some(204)
                && block.is_before(event)
                && !events.iter().any(|between| unblocks(&between))
        });
        let has_left_pair = events.iter().any(|leave| {
            let is_theirs = |known: &Known| {
                leave.action == Action::Leave(known.id)
                    && known
                        .pair
                        .is_some_and(|pair| pair.contains(&other) && pair.contains(&event.actor))
            };
            let has_left_too = |too: &Event| too.actor == event.actor && too.action == leave.action;
            leave.actor == other
                && !events.iter().any(has_left_too)
                && leave.status == Some(204)
                && leave.is_before(event)
                && known.iter().any(is_theirs)
        });
        let asks = !matches!(event.action, Action::Send(..));
        if is_blocked || (asks && has_left_pair) {
            let refusals = events
                .iter()
                .filter(|event| event.actor == other && !matches!(event.action, Action::Send(..)));
            let refusals: Vec<_> = refusals.collect();
            violations.push(format!(
                "{event:?} reached {other}, in spite of one of {refusals:?}"
            ));
        }
    }
    violations
}

/// Whether a contact may be a participant without having been added by the request in question.
fn may_be_in(events: &[Event], id: ConversationId, contact: usize) -> bool {
    let creates = |event: &Event| {
        let is_of = match event.action {
            Action::CreatePair(other) | Action::CreateGroup(other) => {
                event.actor == contact || other == contact
            }
            _ => false,
        };
        is_of && event.id.as_ref() == Some(&id.to_string())
    };
    let adds = |event: &&Event| event.action == Action::Add(id, contact);
    events.iter().any(creates) || events.iter().filter(adds).count() > 1
}

fn has_tried(events: &[Event], action: &Action) -> bool {
    events.iter().any(|event| event.action == *action)
}

/// What was acknowledged is complete, without a repair.
fn acknowledgments_broken(events: &[Event], inconsistencies: &[Inconsistency]) -> Vec<String> {
    let acknowledged: BTreeSet<_> = events
        .iter()
        .filter(|event| event.status == Some(201))
        .filter_map(|event| event.id.clone())
        .collect();
    let is_broken = |inconsistency: &&Inconsistency| match inconsistency {
        Inconsistency::MessageWithoutConversation(id) => acknowledged.contains(&id.to_string()),
        Inconsistency::MembershipOfNonParticipant(..)
        | Inconsistency::ParticipantWithoutMembership(..)
        | Inconsistency::MembershipInWrongList(..)
        | Inconsistency::PairWithoutConversation { .. }
        | Inconsistency::ConversationWithoutPair { .. } => true,
        _ => false,
    };
    let broken = inconsistencies.iter().filter(is_broken);
    broken.map(|broken| format!("{broken:?}")).collect()
}

/// Repairs everything; returns what cannot be repaired.
async fn repair(world: &World) -> Vec<String> {
    let admin = Admin::new(world.store().clone());
    for inconsistency in world.inconsistencies().await {
        admin.repair(&inconsistency).await.unwrap();
    }
    // A repaired conversation can show what was hidden by its inconsistency.
    for inconsistency in world.inconsistencies().await {
        admin.repair(&inconsistency).await.unwrap();
    }
    let left = world.inconsistencies().await;
    left.iter()
        .map(|left| format!("not repaired: {left:?}"))
        .collect()
}

/// What a contact sees of a conversation at the end.
struct View {
    is_pending: bool,
    /// Whether the phone number is visible, by contact.
    contacts: BTreeMap<usize, bool>,
    texts: Vec<String>,
}

/// Compares what all contacts see in the end with each other and with the responses.
async fn lists_disagree(events: &[Event], known: &[Known], people: &[Person]) -> Vec<String> {
    let mut violations = Vec::new();
    let mut views: BTreeMap<(ConversationId, usize), View> = BTreeMap::new();
    let mut blocks = BTreeSet::new();
    for (actor, person) in people.iter().enumerate() {
        for (query, is_pending) in [("limit=100", false), ("pending=true&limit=100", true)] {
            for id in person.lists_conversations(query).await.is(200).ids() {
                let id = id.parse().unwrap();
                let view = view(&person.within(id), people).await;
                if view.is_pending != is_pending {
                    violations.push(format!("{id} is in the wrong list of {actor}"));
                }
                views.insert((id, actor), view);
            }
        }
        let blocked = person.gets("/v1/blocks?limit=100").await.is(200).ids();
        blocks.extend(blocked.iter().map(|id| (actor, number(id, people))));
    }
    for event in events {
        match &event.action {
            Action::Leave(id) if event.status == Some(204) => {
                if views.contains_key(&(*id, event.actor)) {
                    violations.push(format!("{} is back after {event:?}", event.actor));
                }
                let later = events.iter().filter(|later| event.is_before(later));
                let mut sends = later.filter(|later| later.actor == event.actor);
                if let Some(sent) = sends.find(|later| {
                    matches!(&later.action, Action::Send(to, _) if to == id)
                        && later.status == Some(201)
                }) {
                    violations.push(format!("{sent:?} after {event:?}"));
                }
            }
            Action::Send(id, text) if event.status == Some(201) => {
                let seen = views.iter().filter(|((seen, _), _)| seen == id);
                for ((_, actor), view) in seen {
                    let count = view.texts.iter().filter(|seen| *seen == text).count();
                    if count != 1 {
                        violations.push(format!("{actor} sees {count} of {event:?}"));
                    }
                }
            }
            Action::Block(other) | Action::Unblock(other) => {
                let mut others = events.iter().filter(|later| {
                    later.actor == event.actor
                        && [Action::Block(*other), Action::Unblock(*other)].contains(&later.action)
                        && event.is_before(later)
                });
                let is_last = others.next().is_none();
                let is_blocked = blocks.contains(&(event.actor, *other));
                let expected = event.action == Action::Block(*other);
                if is_last && event.status.is_some() && is_blocked != expected {
                    violations.push(format!("{event:?} had no effect"));
                }
            }
            _ => {}
        }
    }
    violations.extend(privacy_violations(&views, &blocks));
    for known in known {
        let participants = participants(&views, known.id);
        let views = views.iter().filter(|((id, _), _)| *id == known.id);
        for ((id, actor), view) in views {
            if view
                .contacts
                .keys()
                .copied()
                .ne(participants.iter().copied())
            {
                violations.push(format!("{actor} sees others in {id} than {participants:?}"));
            }
        }
    }
    violations
}

fn participants(
    views: &BTreeMap<(ConversationId, usize), View>,
    id: ConversationId,
) -> BTreeSet<usize> {
    let views = views.keys().filter(|(seen, _)| *seen == id);
    views.map(|(_, actor)| *actor).collect()
}

/// Private data are visible to those who have both accepted a conversation, unless one has blocked the other.
fn privacy_violations(
    views: &BTreeMap<(ConversationId, usize), View>,
    blocks: &BTreeSet<(usize, usize)>,
) -> Vec<String> {
    let has_accepted = |id: ConversationId, contact: usize| {
        views
            .get(&(id, contact))
            .is_some_and(|view| !view.is_pending)
    };
    let mut violations = Vec::new();
    for ((id, actor), view) in views {
        for (&other, &is_visible) in &view.contacts {
            let is_blocked = blocks.contains(&(*actor, other)) || blocks.contains(&(other, *actor));
            let are_acquainted = has_accepted(*id, *actor) && has_accepted(*id, other);
            let expected = *actor == other || (are_acquainted && !is_blocked);
            if is_visible != expected {
                violations.push(format!(
                    "{actor} sees the number of {other} in {id}: {is_visible}"
                ));
            }
        }
    }
    violations
}

async fn view(person: &Person, people: &[Person]) -> View {
    let conversation = person.gets_conversation().await.is(200).json();
    let messages = person.lists_messages("limit=100").await.is(200);
    let contacts = conversation["contacts"].as_array().unwrap().iter();
    let contact = |contact: &Value| {
        let id = contact["id"].as_str().unwrap();
        (number(id, people), contact["phone_number"].is_string())
    };
    View {
        is_pending: conversation["is_pending"].as_bool().unwrap(),
        contacts: contacts.map(contact).collect(),
        texts: messages.texts(),
    }
}

fn number(id: &str, people: &[Person]) -> usize {
    let position = people.iter().position(|person| person.id.to_string() == id);
    position.expect("one of the contacts")
}

#[tokio::test(flavor = "multi_thread")]
async fn under_random_faults_refusals_hold_and_what_is_acknowledged_is_complete() {
    let (outcomes, is_single) = run_seeds(|seed| run_seed(seed, false)).await;
    let mut statuses = Statuses::new();
    for (status, count) in outcomes.iter().flatten() {
        *statuses.entry(*status).or_default() += count;
    }
    println!("{} seeds: {statuses:?}", outcomes.len());
    for status in [200, 201, 204, 403, 404] {
        assert!(
            is_single || statuses.contains_key(&Some(status)),
            "{status}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memberships_written_in_two_parts_are_detected_as_violations() {
    assert_violated(|seed| run_seed(seed, true)).await;
}
