//! Model-based test: after any sequence of operations of several contacts, every list matches a simple model.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use shared::id::ConversationId;

use crate::harness::{Person, Response, World};

/// An operation. Numbers refer to the four contacts; indexes select among existing conversations or messages.
#[derive(Clone, Debug)]
enum Operation {
    Begin {
        others: BTreeSet<usize>,
        named: bool,
    },
    Send(Index),
    Delete(Index),
    ReadUpTo(Index),
    Archive(Index, bool),
    Mute(Index, bool),
    Pin(Index, bool),
    Name(Index),
    Add(Index, usize),
    Remove(Index, usize),
    Leave(Index),
}

fn operation() -> impl Strategy<Value = Operation> {
    let index = any::<Index>;
    prop_oneof![
        2 => (prop::collection::btree_set(0..4_usize, 1..4), any::<bool>())
            .prop_map(|(others, named)| Operation::Begin { others, named }),
        6 => index().prop_map(Operation::Send),
        2 => index().prop_map(Operation::Delete),
        3 => index().prop_map(Operation::ReadUpTo),
        2 => (index(), any::<bool>()).prop_map(|(which, to)| Operation::Archive(which, to)),
        1 => (index(), any::<bool>()).prop_map(|(which, to)| Operation::Mute(which, to)),
        1 => (index(), any::<bool>()).prop_map(|(which, to)| Operation::Pin(which, to)),
        1 => index().prop_map(Operation::Name),
        2 => (index(), 0..4_usize).prop_map(|(which, actor)| Operation::Add(which, actor)),
        2 => (index(), 0..4_usize).prop_map(|(which, actor)| Operation::Remove(which, actor)),
        2 => index().prop_map(Operation::Leave),
    ]
}

/// The expected state. Contacts, conversations and messages are numbered in order of creation.
#[derive(Default)]
struct Model {
    conversations: Vec<Conversation>,
    messages: Vec<Message>,
    /// A logical clock that orders events.
    clock: usize,
}

struct Conversation {
    id: ConversationId,
    name: Option<String>,
    creator: Option<usize>,
    is_pair: bool,
    members: BTreeMap<usize, Member>,
    /// Former participants, for whom leaving again succeeds.
    former_members: BTreeSet<usize>,
}

#[derive(Clone, Default)]
struct Member {
    active: usize,
    joined: usize,
    read: usize,
    sent: usize,
    archived: bool,
    muted: bool,
    pinned: bool,
}

struct Message {
    id: String,
    conversation: usize,
    author: usize,
    sent: usize,
    read: bool,
    deleted: bool,
}

impl Conversation {
    fn may_be_named_by(&self, actor: usize) -> bool {
        let creator = self
            .creator
            .filter(|creator| self.members.contains_key(creator));
        creator.is_none_or(|creator| creator == actor)
    }

    fn may_be_managed_by(&self, actor: usize) -> bool {
        self.name.is_some() && self.may_be_named_by(actor)
    }

    fn remove_member(&mut self, actor: usize) {
        self.members.remove(&actor);
        self.former_members.insert(actor);
        self.is_pair = false;
    }
}

impl Model {
    fn tick(&mut self) -> usize {
        self.clock += 1;
        self.clock
    }

    fn create_conversation(
        &mut self,
        id: ConversationId,
        creator: Option<usize>,
        people: &BTreeSet<usize>,
        name: Option<String>,
    ) {
        let now = self.tick();
        let member = Member {
            active: now,
            joined: now,
            read: now,
            ..Member::default()
        };
        self.conversations.push(Conversation {
            id,
            is_pair: creator.is_some() && name.is_none() && people.len() == 2,
            name,
            creator,
            members: people
                .iter()
                .map(|&contact| (contact, member.clone()))
                .collect(),
            former_members: BTreeSet::new(),
        });
    }

    /// Returns the existing messages of a conversation, newest first.
    fn messages_in(&self, conversation: usize) -> impl Iterator<Item = &Message> {
        let existing =
            move |message: &&Message| message.conversation == conversation && !message.deleted;
        self.messages.iter().rev().filter(existing)
    }

    /// Returns a contact's list of archived or other conversations.
    fn list(&self, actor: usize, archived: bool, people: &[&Person; 4]) -> Vec<Value> {
        let all = self.conversations.iter().enumerate();
        let mut listed: Vec<_> = all
            .filter_map(|(number, conversation)| {
                Some((number, conversation, conversation.members.get(&actor)?))
            })
            .filter(|(_, _, member)| member.archived == archived)
            .collect();
        listed.sort_by_key(|(_, _, member)| std::cmp::Reverse(member.active));
        let shown = listed.into_iter().map(|(number, conversation, member)| {
            let newest = self.messages_in(number).next();
            let seen = member.read.max(member.sent);
            let unread = self
                .messages_in(number)
                .filter(|message| message.sent > seen && message.author != actor);
            let mut contacts: Vec<_> = conversation
                .members
                .keys()
                .map(|&member| people[member].id)
                .collect();
            contacts.sort_unstable();
            serde_json::json!({
                "id": conversation.id,
                "name": conversation.name,
                "contacts": contacts,
                "last_message": newest.map(|message| &message.id),
                "unread_count": unread.count(),
                "is_muted": member.muted,
                "is_pinned": member.pinned,
                "archived": member.archived,
            })
        });
        shown.collect()
    }

    /// Returns the ids of the existing messages in a contact's inbox, newest first.
    fn inbox(&self, actor: usize) -> Vec<String> {
        let existing = self
            .messages
            .iter()
            .rev()
            .filter(|message| !message.deleted);
        let received = existing.filter(|message| {
            let member = self.conversations[message.conversation].members.get(&actor);
            member.is_some_and(|member| message.sent > member.joined)
        });
        received.map(|message| message.id.clone()).collect()
    }

    /// Returns the contacts that share a conversation with a contact.
    fn contacts(&self, actor: usize, people: &[&Person; 4]) -> Vec<String> {
        let shared = self
            .conversations
            .iter()
            .filter(|conversation| conversation.members.contains_key(&actor));
        let others: BTreeSet<_> = shared
            .flat_map(|conversation| conversation.members.keys())
            .filter(|&&other| other != actor)
            .collect();
        let mut ids: Vec<_> = others
            .into_iter()
            .map(|&other| people[other].id.to_string())
            .collect();
        ids.sort();
        ids
    }
}

/// Applies an operation of `actor` to the API and to the model; the response must match the model.
#[expect(clippy::too_many_lines, reason = "an arm for each operation")]
async fn apply(operation: &Operation, actor: usize, people: &[&Person; 4], model: &mut Model) {
    let person = people[actor];
    let number = |index: &Index| index.index(model.conversations.len());
    match operation {
        Operation::Begin { others, named } => {
            let mut all = others.clone();
            all.insert(actor);
            let others: Vec<_> = others.iter().map(|&other| people[other]).collect();
            let more = if *named { "name=N" } else { "" };
            let response = person.tries_to_create_conversation(&others, more).await;
            let existing = model.conversations.iter().find(|conversation| {
                conversation.is_pair && !named && conversation.members.keys().eq(all.iter())
            });
            if let Some(existing) = existing {
                assert_eq!(
                    response.is(200).json()["id"],
                    serde_json::json!(existing.id)
                );
            } else {
                let id = response.is(201).json()["id"]
                    .as_str()
                    .unwrap()
                    .parse()
                    .unwrap();
                model.create_conversation(id, Some(actor), &all, named.then(|| "N".to_owned()));
            }
        }
        Operation::Send(index) => {
            let number = number(index);
            let person = person.within(model.conversations[number].id);
            let response = person.tries_to_send("text").await;
            if !model.conversations[number].members.contains_key(&actor) {
                response.is(404);
                return;
            }
            let now = model.tick();
            for (&other, member) in &mut model.conversations[number].members {
                member.active = now;
                member.archived = false;
                if other == actor {
                    member.sent = now;
                }
            }
            model.messages.push(Message {
                id: response.is(201).json()["id"].as_str().unwrap().to_owned(),
                conversation: number,
                author: actor,
                sent: now,
                read: false,
                deleted: false,
            });
        }
        Operation::Delete(index) => {
            if model.messages.is_empty() {
                return;
            }
            let number = index.index(model.messages.len());
            let message = &mut model.messages[number];
            let response = person.deletes_message(&message.id).await;
            let is_member = model.conversations[message.conversation]
                .members
                .contains_key(&actor);
            if !is_member {
                response.is(404);
            } else if message.author == actor || message.deleted {
                response.is(204);
                message.deleted = true;
            } else {
                response.is(403);
            }
        }
        Operation::ReadUpTo(index) => {
            if model.messages.is_empty() {
                return;
            }
            let number = index.index(model.messages.len());
            let (conversation, sent) = (
                model.messages[number].conversation,
                model.messages[number].sent,
            );
            let id = &model.messages[number].id;
            let person = person.within(model.conversations[conversation].id);
            let response = person
                .updates_conversation(&format!("read_up_to={id}"))
                .await;
            let newest = model
                .messages_in(conversation)
                .next()
                .map(|message| message.sent);
            let Some(member) = model.conversations[conversation].members.get_mut(&actor) else {
                response.is(404);
                return;
            };
            response.is(200);
            let Some(newest) = newest else { return };
            let up_to = sent.min(newest);
            for message in &mut model.messages {
                let covered = message.sent > member.read && message.sent <= up_to;
                if message.conversation == conversation && message.author != actor && covered {
                    message.read = true;
                }
            }
            member.read = member.read.max(up_to);
        }
        Operation::Archive(index, to) => {
            let number = number(index);
            let form = format!("archived={to}");
            update_membership(
                &mut model.conversations[number],
                actor,
                person,
                &form,
                |member| member.archived = *to,
            )
            .await;
        }
        Operation::Mute(index, to) => {
            let number = number(index);
            let form = format!("is_muted={to}");
            update_membership(
                &mut model.conversations[number],
                actor,
                person,
                &form,
                |member| member.muted = *to,
            )
            .await;
        }
        Operation::Pin(index, to) => {
            let number = number(index);
            let form = format!("is_pinned={to}");
            update_membership(
                &mut model.conversations[number],
                actor,
                person,
                &form,
                |member| member.pinned = *to,
            )
            .await;
        }
        Operation::Name(index) => {
            let number = number(index);
            let conversation = &mut model.conversations[number];
            let response = person
                .within(conversation.id)
                .updates_conversation("name=New")
                .await;
            let is_permitted = conversation.may_be_named_by(actor);
            if is_refused(conversation, actor, is_permitted, &response) {
                return;
            }
            response.is(200);
            conversation.name = Some("New".to_owned());
            conversation.is_pair = false;
        }
        Operation::Add(index, other) => {
            let number = number(index);
            let now = model.tick();
            let conversation = &mut model.conversations[number];
            let response = person
                .within(conversation.id)
                .adds_participant(people[*other])
                .await;
            let is_permitted = conversation.may_be_managed_by(actor);
            if is_refused(conversation, actor, is_permitted, &response) {
                return;
            }
            response.is(200);
            conversation.members.entry(*other).or_insert(Member {
                active: now,
                joined: now,
                read: now,
                ..Member::default()
            });
        }
        Operation::Remove(index, other) if *other != actor => {
            let number = number(index);
            let conversation = &mut model.conversations[number];
            let response = person
                .within(conversation.id)
                .removes_participant(people[*other])
                .await;
            let is_permitted = conversation.may_be_managed_by(actor);
            if is_refused(conversation, actor, is_permitted, &response) {
                return;
            }
            let was_member = conversation.members.contains_key(other)
                || conversation.former_members.contains(other);
            response.is(if was_member { 204 } else { 404 });
            conversation.remove_member(*other);
            if !was_member {
                conversation.former_members.remove(other);
            }
        }
        Operation::Remove(index, _) | Operation::Leave(index) => {
            let number = number(index);
            let conversation = &mut model.conversations[number];
            let response = person.within(conversation.id).leaves_conversation().await;
            let was_member = conversation.members.contains_key(&actor)
                || conversation.former_members.contains(&actor);
            response.is(if was_member { 204 } else { 404 });
            if conversation.members.contains_key(&actor) {
                conversation.remove_member(actor);
            }
        }
    }
}

/// Updates a field of `actor`'s membership in the API and in the model.
async fn update_membership(
    conversation: &mut Conversation,
    actor: usize,
    person: &Person,
    form: &str,
    change: impl FnOnce(&mut Member),
) {
    let response = person
        .within(conversation.id)
        .updates_conversation(form)
        .await;
    match conversation.members.get_mut(&actor) {
        None => {
            response.is(404);
        }
        Some(member) => {
            response.is(200);
            change(member);
        }
    }
}

/// Whether the model refuses an operation; if so, the response must be the expected error.
fn is_refused(
    conversation: &Conversation,
    actor: usize,
    is_permitted: bool,
    response: &Response,
) -> bool {
    let expected = match (conversation.members.contains_key(&actor), is_permitted) {
        (false, _) => 404,
        (true, false) => 403,
        (true, true) => return false,
    };
    assert_eq!(response.status.as_u16(), expected, "{response:?}");
    true
}

/// Compares every list of every contact with the model.
async fn assert_agrees(model: &Model, people: &[&Person; 4]) {
    for (actor, person) in people.iter().enumerate() {
        for archived in [false, true] {
            let page = person
                .lists_conversations(&format!("archived={archived}&limit=100"))
                .await
                .is(200);
            let data = page.json()["data"].clone();
            let listed: Vec<_> = data.as_array().unwrap().iter().map(summary).collect();
            assert_eq!(
                listed,
                model.list(actor, archived, people),
                "{actor}, archived: {archived}"
            );
        }
        let inbox = person.lists_inbox("limit=100").await.is(200);
        assert_eq!(inbox.ids(), model.inbox(actor), "{actor}");
        assert_eq!(
            person.gets("/v1/contacts?limit=100").await.is(200).ids(),
            model.contacts(actor, people)
        );
        for (number, conversation) in model.conversations.iter().enumerate() {
            let person = person.within(conversation.id);
            let list = person.lists_messages("limit=100").await;
            if !conversation.members.contains_key(&actor) {
                list.is(404);
                person.gets_conversation().await.is(404);
                continue;
            }
            let list = list.is(200);
            let expected: Vec<_> = model.messages_in(number).collect();
            let ids: Vec<_> = expected.iter().map(|message| message.id.clone()).collect();
            assert_eq!(list.ids(), ids);
            let data = list.json()["data"].clone();
            let read: Vec<_> = data
                .as_array()
                .unwrap()
                .iter()
                .map(|message| message["read_at"].is_u64())
                .collect();
            let expected: Vec<_> = expected.iter().map(|message| message.read).collect();
            assert_eq!(read, expected);
            let archived = conversation.members[&actor].archived;
            let conversation = summary(&person.gets_conversation().await.is(200).json());
            assert!(
                model.list(actor, archived, people).contains(&conversation),
                "{conversation}"
            );
        }
    }
}

/// Returns the fields of a conversation that the model knows.
fn summary(conversation: &Value) -> Value {
    let contacts = conversation["contacts"].as_array().unwrap().iter();
    let contacts: Vec<_> = contacts.map(|contact| contact["id"].clone()).collect();
    let last = &conversation["last_message"];
    serde_json::json!({
        "id": conversation["id"],
        "name": conversation["name"],
        "contacts": contacts,
        "last_message": if last.is_null() { last } else { &last["id"] },
        "unread_count": conversation["unread_count"],
        "is_muted": conversation["is_muted"],
        "is_pinned": conversation["is_pinned"],
        "archived": !conversation["archived_at"].is_null(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: api_tests::cases(12, 48), max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_list_matches_the_model(operations in prop::collection::vec((0..4_usize, operation()), 1..60)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let world = World::new().await;
            let people = [&world.kevin, &world.kate, &world.linnie, &world.buzz];
            let mut model = Model::default();
            model.create_conversation(world.conversation, None, &BTreeSet::from([0, 1, 2]), None);
            model.create_conversation(world.buzz.conversation, None, &BTreeSet::from([3]), None);
            for (number, (actor, operation)) in operations.iter().enumerate() {
                apply(operation, *actor, &people, &mut model).await;
                if number % 20 == 19 {
                    assert_agrees(&model, &people).await;
                }
            }
            assert_agrees(&model, &people).await;
        });
    }
}
