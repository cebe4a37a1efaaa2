//! Messages, by `conversation_id` and `created_at`; each emoji's reactions are a string set of their own.

mod change;
mod delete;
mod erase;
mod export;
mod read;
mod send;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;

use futures_util::future::join;
use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::from_attribute_value;

use super::batch::{Batch, Found};
use super::conversations::{self, visible};
use super::{Item, Store, n, read, s};
use crate::contact::Contact;

pub use change::Change;
pub use send::Sent;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::message::{Message, Reactions};
use crate::page::{Direction, Page, Window};
use crate::time::Micros;
use crate::version::{Expected, Version};

const REACTION: &str = "reaction:";

#[derive(Deserialize, Serialize)]
pub(super) struct Row {
    conversation_id: ConversationId,
    created_at: Micros,
    contact_id: ContactId,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<Micros>,
    version: Version,
    /// Each in an attribute of its own, `reaction:<emoji>`: `ADD` and `DELETE` know only top-level sets.
    #[serde(skip)]
    reactions: BTreeMap<String, BTreeSet<ContactId>>,
}

/// A message that a participant looks at.
struct Sight {
    contact: ContactId,
    conversation: conversations::Row,
    row: Option<Row>,
    usernames: HashMap<String, ContactId>,
    contacts: HashMap<ContactId, Contact>,
}

impl Store {
    /// The message with this id.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::MessageNotFound`], also for those who do not take part.
    pub async fn message(&self, caller: &Caller, id: MessageId) -> Result<Message> {
        let recent = self.recent_people.get(id.conversation());
        let sight = self.look(caller, id, &BTreeSet::new(), &recent).await?;
        let row = sight.row.ok_or(Error::MessageNotFound)?;
        let people = row.people();
        let contacts = self.contacts_beside(sight.contacts, &people).await?;
        self.recent_people
            .are_in_a_message(id.conversation(), &people);
        Ok(shown(row, &contacts))
    }

    /// A page of the messages of one conversation.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::ConversationNotFound`], also for those who do not take part.
    pub async fn messages(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        window: &Window,
    ) -> Result<Page<Message>> {
        let recent = self.recent_people.get(conversation);
        let batch = self.with_contacts(Batch::default(), &recent);
        let batch = self.with_caller(batch, caller);
        let batch = batch.with(
            &self.tables.conversations,
            [conversations::key(conversation)],
        );
        let (found, rows) = join(batch.get(&self.db), self.rows(conversation, window)).await;
        let mut found = found?;
        let contact = self.take_caller(&mut found, caller)?;
        let row = self.take_conversations(&mut found)?.pop();
        visible(row, contact).ok_or(Error::ConversationNotFound {
            param: "conversation_id",
        })?;
        let contacts = self.take_people(&mut found)?.contacts(&recent);
        let page = Page::of(rows?, window.limit, window.direction(), Row::weight);
        let people = page.data.iter().flat_map(Row::people).collect();
        self.recent_people.are_on_a_page(conversation, &people);
        self.show_page(page, contacts, &people).await
    }

    /// Token, message, conversation, usernames and contacts: all that a participant needs to know to act.
    async fn look(
        &self,
        caller: &Caller,
        id: MessageId,
        usernames: &BTreeSet<String>,
        contacts: &BTreeSet<ContactId>,
    ) -> Result<Sight> {
        let batch = Batch::default()
            .with(&self.tables.messages, [key(id)])
            .with(
                &self.tables.conversations,
                [conversations::key(id.conversation())],
            );
        let batch = self.with_usernames(self.with_contacts(batch, contacts), usernames);
        let mut found = self.with_caller(batch, caller).get(&self.db).await?;
        let contact = self.take_caller(&mut found, caller)?;
        let conversation = self.take_conversations(&mut found)?.pop();
        let mut people = self.take_people(&mut found)?;
        Ok(Sight {
            contact,
            conversation: visible(conversation, contact).ok_or(Error::MessageNotFound)?,
            row: self.take_messages(&mut found)?.remove(&id),
            usernames: mem::take(&mut people.usernames),
            contacts: people.contacts(contacts),
        })
    }

    /// One more row than the window's limit, if there are so many; nearest first.
    async fn rows(&self, conversation: ConversationId, window: &Window) -> Result<Vec<Row>> {
        let after = window
            .newer_than()
            .map(|id| id.created_at().0 + 1)
            .unwrap_or_default();
        let before = window.older_than().map_or(u64::MAX, |id| id.created_at().0);
        let until = window.until.map_or(u64::MAX, |until| until.0);
        let (first, end) = (window.from.0.max(after), before.min(until));
        if first >= end {
            return Ok(Vec::new());
        }
        let query = self
            .between(conversation, Micros(first), Micros(end - 1))
            .scan_index_forward(window.direction() == Direction::Newer);
        let items = super::query(query, window.limit.get() + 1).await?;
        items.into_iter().map(Row::of).collect()
    }

    /// The messages of a batch.
    pub(super) fn take_messages(&self, found: &mut Found) -> Result<HashMap<MessageId, Row>> {
        let items = found.take_items(&self.tables.messages).into_iter();
        items
            .map(|item| Row::of(item).map(|row| (row.id(), row)))
            .collect()
    }

    /// The page of these rows, nearest first, as clients see it. One round trip.
    pub(super) async fn page(&self, rows: Vec<Row>, window: &Window) -> Result<Page<Message>> {
        let page = Page::of(rows, window.limit, window.direction(), Row::weight);
        let people = page.data.iter().flat_map(Row::people).collect();
        self.show_page(page, HashMap::new(), &people).await
    }

    /// The page as clients see it, of whose people some are known. One round trip, none for those.
    async fn show_page(
        &self,
        page: Page<Row>,
        known: HashMap<ContactId, Contact>,
        people: &BTreeSet<ContactId>,
    ) -> Result<Page<Message>> {
        let contacts = self.contacts_beside(known, people).await?;
        let data = page.data.into_iter().map(|row| shown(row, &contacts));
        Ok(Page {
            has_more: page.has_more,
            data: data.collect(),
        })
    }

    /// The row as clients see it. One round trip.
    async fn show_one(&self, row: Row) -> Result<Message> {
        let contacts = self.contacts(&row.people()).await?;
        Ok(shown(row, &contacts))
    }
}

impl Row {
    fn of(mut item: Item) -> Result<Self> {
        let mut reactions = BTreeMap::new();
        for (name, value) in item.extract_if(|name, _| name.starts_with(REACTION)) {
            let emoji = name[REACTION.len()..].to_owned();
            let contacts: Vec<ContactId> = from_attribute_value(value).map_err(Error::internal)?;
            reactions.insert(emoji, contacts.into_iter().collect());
        }
        Ok(Self {
            reactions,
            ..read(item)?
        })
    }

    /// The most bytes that it takes in an answer: JSON within the JSON of Lambda's event.
    pub(super) fn weight(&self) -> usize {
        const REACTION: usize = 50; // a username
        const REST: usize = 2048; // the sender, the keys
        let escaped = |byte: u8| match byte {
            b'"' | b'\\' => 4,
            0..0x20 => 8,
            _ => 1,
        };
        let text: usize = self.message.bytes().map(escaped).sum();
        let reactions = self
            .reactions
            .values()
            .map(|contacts| 100 + contacts.len() * REACTION);
        text + reactions.sum::<usize>() + REST
    }

    pub(super) fn id(&self) -> MessageId {
        MessageId::new(self.created_at, self.conversation_id)
    }

    pub(super) fn author(&self) -> ContactId {
        self.contact_id
    }

    /// All whom the message shows: its author, and who reacted.
    pub(super) fn people(&self) -> BTreeSet<ContactId> {
        self.reactions
            .values()
            .flatten()
            .copied()
            .chain([self.contact_id])
            .collect()
    }
}

pub(super) fn key(id: MessageId) -> Item {
    Item::from([
        ("conversation_id".to_owned(), s(id.conversation())),
        ("created_at".to_owned(), n(id.created_at().0)),
    ])
}

/// A row as clients see it; who reacted and has been erased is left out.
pub(super) fn shown(row: Row, contacts: &HashMap<ContactId, Contact>) -> Message {
    let username = |id: &ContactId| {
        contacts
            .get(id)
            .and_then(|contact: &Contact| contact.username.clone())
    };
    let usernames =
        |ids: BTreeSet<ContactId>| ids.iter().filter_map(username).collect::<BTreeSet<_>>();
    let id = row.id();
    let reactions = row
        .reactions
        .into_iter()
        .map(|(emoji, contacts)| (emoji, usernames(contacts)));
    Message {
        id,
        conversation_id: row.conversation_id,
        contact: contacts
            .get(&row.contact_id)
            .cloned()
            .unwrap_or_else(|| Contact::erased(row.contact_id)),
        message: row.message,
        reactions: Reactions(
            reactions
                .filter(|(_, usernames)| !usernames.is_empty())
                .collect(),
        ),
        attachments: [],
        read_at: row.read_at.map(Into::into),
        created_at: row.created_at.into(),
        updated_at: row.updated_at.map(Into::into),
        version: row.version,
    }
}

/// Whether the row is in one of the versions that a request is meant for.
fn check_version(expected: Option<&Expected>, row: &Row) -> Result<()> {
    if expected.is_none_or(|expected| expected.includes(row.version)) {
        Ok(())
    } else {
        Err(Error::PreconditionFailed)
    }
}
