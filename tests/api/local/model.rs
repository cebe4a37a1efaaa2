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
    PinMessage(Index, bool),
    ReadUpTo(Index),
    Archive(Index, bool),
    Mute(Index, bool),
    Pin(Index, bool),
    Name(Index),
    Add(Index, usize),
    Remove(Index, usize),
    Leave(Index),
    Accept(Index),
    Block(usize),
    Unblock(usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    let index = any::<Index>;
    prop_oneof![
        2 => (prop::collection::btree_set(0..4_usize, 1..4), any::<bool>())
            .prop_map(|(others, named)| Operation::Begin { others, named }),
        6 => index().prop_map(Operation::Send),
        2 => index().prop_map(Operation::Delete),
        2 => (index(), any::<bool>()).prop_map(|(which, to)| Operation::PinMessage(which, to)),
        3 => index().prop_map(Operation::ReadUpTo),
        2 => (index(), any::<bool>()).prop_map(|(which, to)| Operation::Archive(which, to)),
        1 => (index(), any::<bool>()).prop_map(|(which, to)| Operation::Mute(which, to)),
        1 => (index(), any::<bool>()).prop_map(|(which, to)| Operation::Pin(which, to)),
        1 => index().prop_map(Operation::Name),
        2 => (index(), 0..4_usize).prop_map(|(which, actor)| Operation::Add(which, actor)),
        2 => (index(), 0..4_usize).prop_map(|(which, actor)| Operation::Remove(which, actor)),
        2 => index().prop_map(Operation::Leave),
        2 => index().prop_map(Operation::Accept),
        1 => (0..4_usize).prop_map(Operation::Block),
        1 => (0..4_usize).prop_map(Operation::Unblock),
    ]
}

/// The expected state. Contacts, conversations and messages are numbered in order of creation.
#[derive(Default)]
struct Model {
    conversations: Vec<Conversation>,
    messages: Vec<Message>,
    /// Who has blocked whom.
    blocks: BTreeSet<(usize, usize)>,
    /// Who left or declined a conversation with whom; all within the last day.
    declines: BTreeSet<(usize, usize)>,
    /// A logical clock that orders events.
    clock: usize,
}

struct Conversation {
    id: ConversationId,
    name: Option<String>,
    creator: Option<usize>,
    is_pair: bool,
    /// Whether it is, or was, the unnamed conversation of two contacts.
    is_of_two: bool,
    members: BTreeMap<usize, Member>,
    /// Who added a participant, or former participant; nobody for a conversation that the operator created.
    added_by: BTreeMap<usize, usize>,
    /// Former participants, for whom leaving again succeeds.
    former_members: BTreeSet<usize>,
    /// Those of them who left and were not removed, so that they cannot be added again.
    left: BTreeSet<usize>,
}

#[derive(Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
struct Member {
    active: usize,
    joined: usize,
    read: usize,
    sent: usize,
    pending: bool,
    archived: bool,
    muted: bool,
    pinned: bool,
}

/// The lists of conversations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum List {
    Open,
    Archived,
    Pending,
}

impl Member {
    fn list(&self) -> List {
        match (self.pending, self.archived) {
            (true, _) => List::Pending,
            (false, true) => List::Archived,
            (false, false) => List::Open,
        }
    }
}

struct Message {
    id: String,
    conversation: usize,
    author: usize,
    sent: usize,
    /// The participants who had accepted when it was sent.
    recipients: BTreeSet<usize>,
    read: bool,
    pinned: bool,
    deleted: bool,
}

impl Conversation {
    fn has_accepted(&self, actor: usize) -> bool {
        let member = self.members.get(&actor);
        member.is_some_and(|member| !member.pending)
    }

    fn may_be_named_by(&self, actor: usize) -> bool {
        let creator = self
            .creator
            .filter(|creator| self.members.contains_key(creator));
        creator.is_none_or(|creator| creator == actor)
    }

    fn may_be_managed_by(&self, actor: usize) -> bool {
        self.name.is_some() && self.has_accepted(actor) && self.may_be_named_by(actor)
    }

    fn is_between_two(&self) -> bool {
        self.is_of_two || self.members.len() == 2
    }

    /// The contacts that talk in it, if that is a participant and only one other.
    fn two_who_talk(&self, actor: usize) -> Option<BTreeSet<usize>> {
        if self.is_between_two() {
            return Some(self.members.keys().copied().collect());
        }
        let members = self.members.keys().copied();
        let accepted: BTreeSet<_> = members.filter(|&id| self.has_accepted(id)).collect();
        Some(accepted).filter(|two| two.len() == 2 && two.contains(&actor))
    }

    fn remove_member(&mut self, actor: usize) {
        self.members.remove(&actor);
        self.former_members.insert(actor);
        self.left.remove(&actor);
        self.is_pair = false;
    }
}

impl Model {
    fn tick(&mut self) -> usize {
        self.clock += 1;
        self.clock
    }

    /// Whether two contacts share a conversation that both have accepted.
    fn are_acquainted(&self, one: usize, other: usize) -> bool {
        let mut conversations = self.conversations.iter();
        conversations
            .any(|conversation| [one, other].iter().all(|&id| conversation.has_accepted(id)))
    }

    fn is_blocked(&self, one: usize, other: usize) -> bool {
        self.blocks.contains(&(one, other)) || self.blocks.contains(&(other, one))
    }

    /// Whether the other one of two who talk has blocked this contact.
    fn is_blocked_in(&self, conversation: &Conversation, actor: usize) -> bool {
        let two = conversation.two_who_talk(actor).unwrap_or_default();
        two.iter()
            .any(|&other| self.blocks.contains(&(other, actor)))
    }

    /// Whether a contact refuses to be asked by another.
    fn refuses(&self, contact: usize, asked_by: usize) -> bool {
        let pair = (contact, asked_by);
        self.blocks.contains(&pair) || self.declines.contains(&pair)
    }

    fn create_conversation(
        &mut self,
        id: ConversationId,
        creator: Option<usize>,
        people: &BTreeSet<usize>,
        name: Option<String>,
    ) {
        let now = self.tick();
        let member = |contact: usize| Member {
            active: now,
            joined: now,
            read: now,
            pending: creator.is_some_and(|creator| {
                creator != contact && !self.are_acquainted(creator, contact)
            }),
            ..Member::default()
        };
        let members = people.iter();
        let members = members.map(|&contact| (contact, member(contact))).collect();
        self.conversations.push(Conversation {
            id,
            is_pair: creator.is_some() && name.is_none() && people.len() == 2,
            is_of_two: creator.is_some() && name.is_none() && people.len() == 2,
            added_by: creator
                .into_iter()
                .flat_map(|creator| people.iter().map(move |&contact| (contact, creator)))
                .filter(|(contact, creator)| contact != creator)
                .collect(),
            name,
            creator,
            members,
            former_members: BTreeSet::new(),
            left: BTreeSet::new(),
        });
    }

    /// Returns the existing messages of a conversation, newest first.
    fn messages_in(&self, conversation: usize) -> impl Iterator<Item = &Message> {
        let existing =
            move |message: &&Message| message.conversation == conversation && !message.deleted;
        self.messages.iter().rev().filter(existing)
    }

    /// Returns one of a contact's lists of conversations.
    fn list(&self, actor: usize, list: List, people: &[&Person; 4]) -> Vec<Value> {
        let all = self.conversations.iter().enumerate();
        let mut listed: Vec<_> = all
            .filter_map(|(number, conversation)| {
                Some((number, conversation, conversation.members.get(&actor)?))
            })
            .filter(|(_, _, member)| member.list() == list)
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
                "is_pending": member.pending,
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
            let was_received = message.recipients.contains(&actor);
            was_received && member.is_some_and(|member| message.sent > member.joined)
        });
        received.map(|message| message.id.clone()).collect()
    }

    /// Returns the contacts that share a conversation with a contact.
    fn contacts(&self, actor: usize, people: &[&Person; 4]) -> Vec<String> {
        let mut ids: Vec<_> = (0..people.len())
            .filter(|&other| other != actor && self.are_acquainted(actor, other))
            .map(|other| people[other].id.to_string())
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
            } else if all
                .iter()
                .any(|&other| other != actor && model.refuses(other, actor))
            {
                response.fails(403, "not_accepting_messages", "participants[]");
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
            let conversation = &model.conversations[number];
            if !conversation.members.contains_key(&actor) {
                response.is(404);
                return;
            }
            if model.is_blocked_in(conversation, actor) {
                response.fails(403, "not_accepting_messages", ());
                return;
            }
            let now = model.tick();
            let members = &mut model.conversations[number].members;
            for (&other, member) in &mut *members {
                member.active = now;
                member.archived = false;
                if other == actor {
                    member.sent = now;
                    member.pending = false;
                }
            }
            let recipients = members.iter().filter(|(_, member)| !member.pending);
            let recipients = recipients.map(|(&other, _)| other).collect();
            model.messages.push(Message {
                recipients,
                id: response.is(201).json()["id"].as_str().unwrap().to_owned(),
                conversation: number,
                author: actor,
                sent: now,
                read: false,
                pinned: false,
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
            let members = &model.conversations[message.conversation].members;
            // The last participant to leave deletes all messages.
            let exists = !message.deleted && !members.is_empty();
            let is_author = message.author == actor;
            let may_find = members.contains_key(&actor) || (exists && is_author);
            if !may_find {
                response.is(404);
            } else if is_author || message.deleted {
                response.is(204);
                message.deleted = true;
            } else {
                response.is(403);
            }
        }
        Operation::PinMessage(index, to) => {
            if model.messages.is_empty() {
                return;
            }
            let number = index.index(model.messages.len());
            let message = &model.messages[number];
            let response = person
                .updates_message(&message.id, format!("is_pinned={to}"))
                .await;
            let conversation = &model.conversations[message.conversation];
            let is_change = message.pinned != *to;
            if !conversation.members.contains_key(&actor) || message.deleted {
                response.is(404);
            } else if is_change && *to && model.is_blocked_in(conversation, actor) {
                response.fails(403, "not_accepting_messages", ());
            } else {
                assert_eq!(response.is(200).json()["is_pinned"], *to);
                let conversation = message.conversation;
                model.messages[number].pinned = *to;
                let members = &mut model.conversations[conversation].members;
                let member = members.get_mut(&actor).unwrap();
                member.pending &= !(*to || is_change);
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
            member.pending = false;
            let Some(newest) = newest else { return };
            let up_to = sent.min(newest);
            for message in &mut model.messages {
                let covered = message.sent <= up_to;
                if message.conversation == conversation && message.author != actor && covered {
                    message.read = true;
                }
            }
            member.read = member.read.max(up_to);
        }
        Operation::Archive(index, to) => {
            let number = number(index);
            let form = format!("archived={to}");
            let members = &model.conversations[number].members;
            if members.get(&actor).is_some_and(|member| member.pending) {
                let person = person.within(model.conversations[number].id);
                let response = person.updates_conversation(&form).await;
                response.fails(403, "conversation_pending", ());
                return;
            }
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
            let is_blocked = model.is_blocked_in(&model.conversations[number], actor);
            let conversation = &mut model.conversations[number];
            let response = person
                .within(conversation.id)
                .updates_conversation("name=New")
                .await;
            let is_permitted = conversation.has_accepted(actor)
                && conversation.may_be_named_by(actor)
                && !conversation.is_of_two;
            if is_refused(conversation, actor, is_permitted, &response) {
                return;
            }
            if is_blocked {
                response.fails(403, "not_accepting_messages", ());
                return;
            }
            response.is(200);
            conversation.name = Some("New".to_owned());
        }
        Operation::Add(index, other) => {
            let number = number(index);
            let now = model.tick();
            let pending = !model.are_acquainted(actor, *other);
            let refuses = model.refuses(*other, actor);
            let is_blocked = model.is_blocked_in(&model.conversations[number], actor);
            let conversation = &mut model.conversations[number];
            let response = person
                .within(conversation.id)
                .adds_participant(people[*other])
                .await;
            let is_permitted = conversation.may_be_managed_by(actor);
            if is_refused(conversation, actor, is_permitted, &response) {
                return;
            }
            if is_blocked {
                response.fails(403, "not_accepting_messages", ());
                return;
            }
            let is_member = conversation.members.contains_key(other);
            if !is_member && (refuses || conversation.left.contains(other)) {
                response.fails(403, "not_accepting_messages", "participants[]");
                return;
            }
            response.is(200);
            if is_member {
                return;
            }
            conversation.added_by.insert(*other, actor);
            conversation.members.entry(*other).or_insert(Member {
                active: now,
                joined: now,
                read: now,
                pending,
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
            // Who has left stays one who left.
            if conversation.members.contains_key(other) {
                conversation.remove_member(*other);
            }
        }
        Operation::Remove(index, _) | Operation::Leave(index) => {
            let number = number(index);
            let conversation = &mut model.conversations[number];
            let response = person.within(conversation.id).leaves_conversation().await;
            let was_member = conversation.members.contains_key(&actor)
                || conversation.former_members.contains(&actor);
            response.is(if was_member { 204 } else { 404 });
            if !was_member {
                return;
            }
            let added_by = conversation.added_by.get(&actor).copied();
            let asked_by = if conversation.members.contains_key(&actor) {
                let mut members = conversation.members.keys().copied();
                let other_of_two = members
                    .find(|&other| other != actor)
                    .filter(|_| conversation.is_between_two());
                let added_by = added_by.or(conversation.creator);
                added_by.filter(|&other| other != actor).or(other_of_two)
            } else {
                // Who was removed can leave all the same.
                added_by.filter(|_| !conversation.left.contains(&actor))
            };
            conversation.remove_member(actor);
            conversation.left.insert(actor);
            model.declines.extend(asked_by.map(|other| (actor, other)));
        }
        Operation::Accept(index) => {
            let number = number(index);
            let conversation = &mut model.conversations[number];
            update_membership(conversation, actor, person, "accepted=true", |member| {
                member.pending = false;
            })
            .await;
        }
        Operation::Block(other) => {
            let response = person.blocks(people[*other]).await;
            if *other == actor {
                response.fails(400, "parameter_invalid", "id");
            } else {
                response.is(204);
                model.blocks.insert((actor, *other));
            }
        }
        Operation::Unblock(other) => {
            person.unblocks(people[*other]).await.is(204);
            model.blocks.remove(&(actor, *other));
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
        for list in [List::Open, List::Archived, List::Pending] {
            let query = match list {
                List::Open => "limit=100",
                List::Archived => "archived=true&limit=100",
                List::Pending => "pending=true&limit=100",
            };
            let page = person.lists_conversations(query).await.is(200);
            let data = page.json()["data"].clone();
            let listed: Vec<_> = data.as_array().unwrap().iter().map(summary).collect();
            assert_eq!(listed, model.list(actor, list, people), "{actor}, {list:?}");
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
            let pinned = person.lists_messages("is_pinned=true&limit=100").await;
            let all = expected.iter();
            let expected_pinned = all.filter(|message| message.pinned);
            let expected_pinned: Vec<_> = expected_pinned.map(|it| it.id.clone()).collect();
            assert_eq!(pinned.is(200).ids(), expected_pinned);
            let query = format!("contact_id={}&limit=100", people[0].id);
            let by_first = person.lists_messages(&query).await;
            let all = expected.iter();
            let expected_by_first = all.filter(|message| message.author == 0);
            let expected_by_first: Vec<_> = expected_by_first.map(|it| it.id.clone()).collect();
            assert_eq!(by_first.is(200).ids(), expected_by_first);
            let data = list.json()["data"].clone();
            let read: Vec<_> = data
                .as_array()
                .unwrap()
                .iter()
                .map(|message| message["read_at"].is_u64())
                .collect();
            let expected: Vec<_> = expected.iter().map(|message| message.read).collect();
            assert_eq!(read, expected);
            let list = conversation.members[&actor].list();
            let seen = person.gets_conversation().await.is(200).json();
            for contact in seen["contacts"].as_array().unwrap() {
                let other = people
                    .iter()
                    .position(|other| contact["id"] == other.id.to_string());
                let other = other.expect("one of the four");
                let both = [actor, other];
                let is_acquainted = both.iter().all(|&id| conversation.has_accepted(id))
                    && !model.is_blocked(actor, other);
                let sees_all = actor == other || is_acquainted;
                assert_eq!(
                    contact["phone_number"].is_string(),
                    sees_all,
                    "{actor}: {contact}"
                );
            }
            let conversation = summary(&seen);
            assert!(
                model.list(actor, list, people).contains(&conversation),
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
        "is_pending": conversation["is_pending"],
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
