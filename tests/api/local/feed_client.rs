//! A client that follows its feed as the guide says ("Following changes"). It leaves out what has no events: contacts, and
//! what messages change in their conversation.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::harness::{Fault, Person, Proxy, Response, World};

/// The lists of conversations. The archive comes before the open ones, to which a message can move a conversation.
const LISTS: [&str; 3] = ["archived=true", "pending=true", "archived=false"];

/// The number of attempts before a client gives up.
const MAX_ATTEMPTS: usize = 100;

/// What a client ignores, to test the test.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ignored {
    /// It does not remove what has been deleted.
    Deletions,
    /// It does not load the messages of a conversation that it joins later, or that was in none of the lists.
    Joins,
    /// It does not load a conversation that was in none of the lists.
    UnknownConversations,
}

/// What a client has stored at a moment.
#[derive(Clone)]
pub struct State {
    pub cursor: String,
    pub messages: BTreeMap<String, Value>,
    conversations: BTreeMap<String, Value>,
    ignored: Option<Ignored>,
}

impl State {
    /// A new cursor, and what the lists have after that, each list in its turn.
    pub async fn of_now(person: &Person, ignored: Option<Ignored>) -> Self {
        let mut state = Self::begin(person, ignored).await;
        for list in LISTS {
            state.load_conversations(person, list).await;
        }
        state.load_all_messages(person).await;
        state
    }

    /// A new cursor.
    async fn begin(person: &Person, ignored: Option<Ignored>) -> Self {
        let begun = retry(|| person.gets("/v1/events")).await.json();
        Self {
            cursor: text_of(&begun["cursor"]),
            conversations: BTreeMap::new(),
            messages: BTreeMap::new(),
            ignored,
        }
    }

    async fn load_conversations(&mut self, person: &Person, list: &str) {
        let page = retry(|| person.lists_conversations(list)).await.json();
        assert_eq!(page["has_more"], false);
        for conversation in page["data"].as_array().unwrap() {
            self.put_conversation(conversation);
        }
    }

    async fn load_all_messages(&mut self, person: &Person) {
        let ids: Vec<_> = self.conversations.keys().cloned().collect();
        for id in ids {
            self.load_messages(person, &id).await;
        }
    }

    /// Applies the events of a page. A conversation that was not in the lists is loaded with its messages: it may have
    /// moved from one list to another while they were loaded.
    pub async fn apply(&mut self, person: &Person, page: &Value) {
        let mut with_message_events = BTreeSet::new();
        for event in page["data"].as_array().unwrap() {
            let conversation = text_of(&event["conversation_id"]);
            let message = text_of(&event["message_id"]);
            match event["type"].as_str().unwrap() {
                "message.created" | "message.updated" => {
                    self.put_message(&event["message"]);
                    with_message_events.insert(conversation);
                }
                "message.deleted" | "conversation.deleted"
                    if self.ignored == Some(Ignored::Deletions) => {}
                "message.deleted" => {
                    self.messages.remove(&message);
                    with_message_events.insert(conversation);
                }
                "conversation.deleted" => self.remove(&conversation),
                "conversation.created" => {
                    self.put_conversation(&event["conversation"]);
                    if self.ignored != Some(Ignored::Joins) {
                        self.load_messages(person, &conversation).await;
                    }
                }
                "conversation.updated" => {
                    let is_unknown = self.is_unknown(&conversation);
                    self.put_conversation(&event["conversation"]);
                    if is_unknown {
                        self.load_messages(person, &conversation).await;
                    }
                }
                "resync" if !conversation.is_empty() => {
                    self.load_conversation(person, &conversation).await;
                }
                other => panic!("unexpected event {other}"),
            }
        }
        for conversation in with_message_events {
            if self.is_unknown(&conversation) {
                self.load_conversation(person, &conversation).await;
            }
        }
        self.cursor = text_of(&page["cursor"]);
    }

    /// Whether it must load a conversation of which there are events.
    fn is_unknown(&self, conversation: &str) -> bool {
        let is_ignored = matches!(
            self.ignored,
            Some(Ignored::Joins | Ignored::UnknownConversations)
        );
        !is_ignored && !self.conversations.contains_key(conversation)
    }

    /// Loads a conversation and its messages.
    async fn load_conversation(&mut self, person: &Person, id: &str) {
        let within = person.within(id.parse().unwrap());
        let response = retry(|| within.gets_conversation()).await;
        if response.status == 404 {
            self.remove(id);
        } else {
            self.put_conversation(&response.is(200).json());
            self.load_messages(person, id).await;
        }
    }

    /// Loads the messages of a conversation.
    async fn load_messages(&mut self, person: &Person, conversation: &str) {
        match messages_of(person, conversation).await {
            Some(messages) => {
                self.messages.retain(|id, _| !id.ends_with(conversation));
                self.messages.extend(messages);
            }
            None => self.remove(conversation),
        }
    }

    /// Puts a message in the place of the one with its id.
    pub fn put_message(&mut self, message: &Value) {
        let shown = without_profile(message);
        self.messages.insert(text_of(&message["id"]), shown);
    }

    /// Puts a conversation in the place of the one with its id.
    fn put_conversation(&mut self, conversation: &Value) {
        let id = text_of(&conversation["id"]);
        let fields = fields_with_events(conversation);
        self.conversations.insert(id, fields);
    }

    fn remove(&mut self, conversation: &str) {
        self.conversations.remove(conversation);
        self.messages.retain(|id, _| !id.ends_with(conversation));
    }

    /// In what this differs from what the lists have.
    pub fn differences(&self, listed: &Self, from: &str) -> Vec<String> {
        let known = [&self.conversations, &self.messages];
        let listed = [&listed.conversations, &listed.messages];
        let pairs = known.into_iter().zip(listed);
        let differences = pairs.flat_map(|(known, listed)| {
            let missed = listed.iter().filter(|(id, _)| !known.contains_key(*id));
            let missed = missed.map(|(id, _)| format!("{id} is missing from {from} on"));
            let outdated = known.iter().filter_map(|(id, item)| match listed.get(id) {
                None => Some(format!("{id} is deleted, but not from {from} on")),
                Some(listed) if listed != item => {
                    Some(format!("from {from} on, {item} is not {listed}"))
                }
                Some(_) => None,
            });
            missed.chain(outdated).collect::<Vec<_>>()
        });
        differences.collect()
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What changes of a conversation only with an event.
fn fields_with_events(conversation: &Value) -> Value {
    let contacts = conversation["contacts"].as_array().unwrap().iter();
    let contacts: Vec<_> = contacts.map(|contact| &contact["id"]).collect();
    let mut fields = json!({ "contacts": contacts });
    for name in [
        "name",
        "is_pending",
        "is_muted",
        "is_pinned",
        "last_opened_at",
    ] {
        fields[name] = conversation[name].clone();
    }
    fields
}

/// A message without the contact's profile, which depends on whether it participates.
fn without_profile(message: &Value) -> Value {
    let mut message = message.clone();
    message["contact"] = message["contact"]["id"].clone();
    message
}

/// All messages of a conversation; none if the contact does not participate.
async fn messages_of(person: &Person, conversation: &str) -> Option<BTreeMap<String, Value>> {
    let person = person.within(conversation.parse().unwrap());
    let mut messages = BTreeMap::new();
    let mut query = "limit=100".to_owned();
    loop {
        let page = retry(|| person.lists_messages(&query)).await;
        if page.status == 404 {
            return None;
        }
        let page = page.is(200).json();
        let data = page["data"].as_array().unwrap().iter();
        messages.extend(data.map(|message| (text_of(&message["id"]), without_profile(message))));
        let oldest = messages.keys().next();
        let Some(oldest) = oldest.filter(|_| page["has_more"] == true) else {
            return Some(messages);
        };
        query = format!("limit=100&starting_after={oldest}");
    }
}

/// Repeats a request while the response is 503.
pub async fn retry<F: Future<Output = Response>>(attempt: impl Fn() -> F) -> Response {
    let mut last = None;
    for _ in 0..MAX_ATTEMPTS {
        let response = attempt().await;
        if response.status != 503 {
            return response;
        }
        last = Some(response);
    }
    panic!("{MAX_ATTEMPTS} responses are 503, at last {last:?}");
}

/// Kate begins to follow her feed. After she has loaded the first list, something `happens` to her conversation with
/// Kevin. Returns what she lacks in the end.
async fn missed(
    world: &World,
    lists: [&str; 3],
    ignored: Option<Ignored>,
    happens: impl AsyncFnOnce(),
) -> Vec<String> {
    let mut state = State::begin(&world.kate, ignored).await;
    let [first, others @ ..] = lists;
    state.load_conversations(&world.kate, first).await;
    happens().await;
    for list in others {
        state.load_conversations(&world.kate, list).await;
    }
    state.load_all_messages(&world.kate).await;
    missed_in_the_end(world, state).await
}

/// Kate applies the events that follow. Returns what she then lacks.
async fn missed_in_the_end(world: &World, mut state: State) -> Vec<String> {
    world.settles().await;
    let page = world.kate.gets_events(&state.cursor, 100).await.is(200);
    state.apply(&world.kate, &page.json()).await;
    let listed = State::of_now(&world.kate, None).await;
    state.differences(&listed, "the beginning")
}

/// The lists in an order in which a client can miss what leaves the archive.
fn archive_last() -> [&'static str; 3] {
    let mut lists = LISTS;
    lists.reverse();
    lists
}

/// A world in which Kate has archived her conversation with Kevin, in which there is a message.
async fn with_archived_conversation() -> World {
    let world = World::new().await;
    world.kevin.sends("before").await;
    let archived = world.kate.updates_conversation("archived=true").await;
    archived.is(200);
    world.settles().await;
    world
}

#[tokio::test]
async fn a_conversation_that_is_joined_later_is_loaded_with_its_messages() {
    for ignored in [None, Some(Ignored::Joins)] {
        let world = World::new().await;
        let linnie = [&world.linnie];
        let band = world.kevin.creates_conversation(&linnie, "name=Band").await;
        band.sends("before").await;
        world.settles().await;
        let state = State::of_now(&world.kate, ignored).await;
        band.adds_participant(&world.kate).await.is(200);
        let missed = missed_in_the_end(&world, state).await;
        assert_eq!(missed.is_empty(), ignored.is_none(), "{missed:?}");
    }
}

#[tokio::test]
async fn a_conversation_that_is_archived_while_the_lists_are_loaded_is_not_missed() {
    for ignored in [None, Some(Ignored::UnknownConversations)] {
        let world = World::new().await;
        world.kevin.sends("before").await;
        world.settles().await;
        let archives = async || {
            let archived = world.kate.updates_conversation("archived=true").await;
            archived.is(200);
        };
        let missed = missed(&world, LISTS, ignored, archives).await;
        assert_eq!(missed.is_empty(), ignored.is_none(), "{missed:?}");
    }
}

#[tokio::test]
async fn a_conversation_that_a_message_opens_while_the_lists_are_loaded_is_not_missed() {
    for ignored in [None, Some(Ignored::UnknownConversations)] {
        for is_deleted in [false, true] {
            let world = with_archived_conversation().await;
            let opens = async || {
                let id = world.kevin.sends("opens it").await;
                if is_deleted {
                    world.kevin.deletes_message(&id).await.is(204);
                }
            };
            let missed = missed(&world, archive_last(), ignored, opens).await;
            assert_eq!(missed.is_empty(), ignored.is_none(), "{missed:?}");
        }
    }
}

/// A message whose sender is interrupted takes the conversation out of the archive only when it is sent again, for which
/// there is no event.
#[tokio::test]
async fn a_conversation_that_leaves_the_archive_without_an_event_is_in_the_list_that_is_loaded_later()
 {
    for (lists, is_complete) in [(LISTS, true), (archive_last(), false)] {
        let world = with_archived_conversation().await;
        let proxy = Proxy::start(world.engine()).await;
        let interrupted = world.host().proxy(proxy.url()).start().await;
        proxy.inject("UpdateItem", 100, Fault::Error("InternalServerError"));
        let sender = world.kevin.at(&interrupted);
        sender.sends_with_key("key", "opens it").await.is(201);
        world.settles().await;
        let sends_again = async || drop(world.kevin.sends_with_key("key", "opens it").await);
        let missed = missed(&world, lists, None, sends_again).await;
        assert_eq!(missed.is_empty(), is_complete, "{missed:?}");
    }
}
