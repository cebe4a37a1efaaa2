//! Messages, by `conversation_id` and `created_at`; each emoji's reactions are a string set of their own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValue, TransactWriteItem};
use futures_util::future::{join, join3};
use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::from_attribute_value;

use super::batch::{Batch, Found};
use super::failure::{self, Backoff, Cancelled};
use super::{Item, Store, conversations, n, read, s, written};
use crate::contact::{Contact, Username};
use crate::conversation::Conversation;
use crate::error::{Error, Invalid, Result};
use crate::http::Caller;
use crate::id::{ContactId, ConversationId, MessageId};
use crate::message::{Emoji, Message, Reactions, Text};
use crate::page::{Direction, Page, Window};
use crate::time::Micros;

/// A message takes at most this many different emoji, so that its item stays far below 400 KB.
const MAX_EMOJI: usize = 50;

const REACTION: &str = "reaction:";

#[derive(Deserialize, Serialize)]
pub(super) struct Row {
    conversation_id: ConversationId,
    created_at: Micros,
    contact_id: ContactId,
    message: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<Micros>,
    version: u64,
    /// Each in an attribute of its own, `reaction:<emoji>`: `ADD` and `DELETE` know only top-level sets.
    #[serde(skip)]
    reactions: BTreeMap<Emoji, BTreeSet<ContactId>>,
}

/// What somebody wants changed of a message; all of it happens, or nothing.
#[derive(Debug, Default)]
pub struct Change {
    /// A new text, by the author.
    pub message: Option<Text>,
    /// For each emoji who reacts with it now: the caller, or nobody to take its reaction away.
    pub reactions: BTreeMap<Emoji, Vec<Username>>,
    /// Somebody other than the author has read it.
    pub read: bool,
}

/// A message that a participant looks at.
struct Sight {
    contact: ContactId,
    conversation: Conversation,
    row: Option<Row>,
    usernames: HashMap<String, ContactId>,
}

impl Store {
    /// The message with this id.
    ///
    /// # Errors
    ///
    /// [`Unauthenticated::TokenInvalid`]; [`Error::MessageNotFound`], also for those who do not take part.
    pub async fn message(&self, caller: &Caller, id: MessageId) -> Result<Message> {
        let row = self
            .look(caller, id, &BTreeSet::new())
            .await?
            .row
            .ok_or(Error::MessageNotFound)?;
        self.show_one(row).await
    }

    /// A page of the messages of one conversation.
    ///
    /// # Errors
    ///
    /// [`Unauthenticated::TokenInvalid`]; [`Error::ConversationNotFound`], also for those who do not take part.
    pub async fn messages(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        window: &Window,
    ) -> Result<Page<Message>> {
        let reads = join3(
            self.authenticate(caller),
            self.conversation(conversation),
            self.rows(conversation, window),
        );
        let (contact, conversation, rows) = reads.await;
        visible(conversation, contact?)?;
        let Page { has_more, data } = Page::of(rows?, window);
        Ok(Page {
            has_more,
            data: self.show(data).await?,
        })
    }

    /// Sends `text` to a conversation, behind every message acknowledged there before.
    ///
    /// # Errors
    ///
    /// [`Unauthenticated::TokenInvalid`]; [`Error::ConversationNotFound`], also for those who do not take part.
    pub async fn send(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        text: Text,
    ) -> Result<Message> {
        let reads = join3(
            self.authenticate(caller),
            self.conversation(conversation),
            self.newest(conversation),
        );
        let (contact, conversation, newest) = reads.await;
        let author = contact?;
        let conversation = visible(conversation, author)?;
        let row = Row {
            conversation_id: conversation.id,
            created_at: newest?.map_or(self.clock.now(), |newest| {
                newest.next().max(self.clock.now())
            }),
            contact_id: author,
            message: text,
            read_at: None,
            updated_at: None,
            version: 1,
            reactions: BTreeMap::new(),
        };
        let ids = BTreeSet::from([author]);
        let (row, contacts) = join(self.keep(row, &conversation), self.contacts(&ids)).await;
        Ok(shown(row?, &contacts?))
    }

    /// Changes the message with this id.
    ///
    /// # Errors
    ///
    /// [`Unauthenticated::TokenInvalid`]; [`Error::MessageNotFound`], also for those who do not take part;
    /// [`Error::NotTheAuthor`] and [`Error::NotYourself`], before anything is changed.
    pub async fn change(&self, caller: &Caller, id: MessageId, change: &Change) -> Result<Message> {
        let usernames = change
            .reactions
            .values()
            .flatten()
            .map(Username::folded)
            .collect();
        let mut backoff = Backoff::default();
        loop {
            let sight = self.look(caller, id, &usernames).await?;
            let row = sight.row.ok_or(Error::MessageNotFound)?;
            change.check(&row, sight.contact, &sight.usernames)?;
            let Some(update) = Update::of(change, &row, sight.contact) else {
                return self.show_one(row).await;
            };
            let people = row.people().into_iter().chain([sight.contact]).collect();
            let (updated, contacts) = join(self.update(id, update), self.contacts(&people)).await;
            match updated? {
                Ok(row) if row.people().is_subset(&people) => return Ok(shown(row, &contacts?)),
                Ok(row) => return self.show_one(row).await,
                Err(overtaken) => backoff.wait(overtaken).await?,
            }
        }
    }

    /// Deletes the message with this id, for good; done already is done.
    ///
    /// # Errors
    ///
    /// [`Unauthenticated::TokenInvalid`]; [`Error::MessageNotFound`] for those who do not take part;
    /// [`Error::NotTheAuthor`].
    pub async fn delete(&self, caller: &Caller, id: MessageId) -> Result<()> {
        let Sight {
            contact,
            conversation,
            row,
            ..
        } = self.look(caller, id, &BTreeSet::new()).await?;
        match row {
            None => Ok(()),
            Some(row) if row.contact_id != contact => Err(Error::NotTheAuthor { param: None }),
            Some(row) => self.remove(id, row.contact_id, &conversation).await,
        }
    }

    /// Token ‖ message, conversation and usernames: all that a participant needs to know to act.
    async fn look(
        &self,
        caller: &Caller,
        id: MessageId,
        usernames: &BTreeSet<String>,
    ) -> Result<Sight> {
        let batch = Batch::default()
            .with(&self.tables.messages, [key(id)])
            .with(
                &self.tables.conversations,
                [conversations::key(id.conversation())],
            );
        let batch = self.with_usernames(batch, usernames);
        let (contact, found) = join(self.authenticate(caller), batch.get(&self.db)).await;
        let contact = contact?;
        let mut found = found?;
        let conversation = visible(Ok(self.take_conversations(&mut found)?.pop()), contact);
        Ok(Sight {
            contact,
            conversation: conversation.map_err(|_| Error::MessageNotFound)?,
            row: self.take_messages(&mut found)?.remove(&id),
            usernames: self.take_usernames(&mut found)?,
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
            .db
            .query()
            .table_name(&self.tables.messages)
            .consistent_read(true)
            .key_condition_expression(
                "conversation_id = :conversation AND created_at BETWEEN :first AND :last",
            )
            .expression_attribute_values(":conversation", s(conversation))
            .expression_attribute_values(":first", n(first))
            .expression_attribute_values(":last", n(end - 1))
            .scan_index_forward(window.direction() == Direction::Newer);
        let items = super::query(query, window.limit.get() + 1).await?;
        items.into_iter().map(Row::of).collect()
    }

    /// When the newest message of a conversation was sent.
    async fn newest(&self, conversation: ConversationId) -> Result<Option<Micros>> {
        #[derive(Deserialize)]
        struct Key {
            created_at: Micros,
        }
        let query = self
            .db
            .query()
            .table_name(&self.tables.messages)
            .consistent_read(true)
            .key_condition_expression("conversation_id = :conversation")
            .expression_attribute_values(":conversation", s(conversation))
            .projection_expression("created_at")
            .scan_index_forward(false);
        let newest = super::query(query, 1).await?.pop();
        Ok(newest
            .map(read::<Key>)
            .transpose()?
            .map(|key| key.created_at))
    }

    /// Writes a new message and its inbox entries in one transaction; a taken microsecond is tried again later.
    async fn keep(&self, mut row: Row, conversation: &Conversation) -> Result<Row> {
        let mut backoff = Backoff::default();
        loop {
            let put = Put::builder()
                .table_name(&self.tables.messages)
                .set_item(Some(written(&row)?));
            let put = put
                .condition_expression("attribute_not_exists(conversation_id)")
                .build();
            let put = TransactWriteItem::builder()
                .put(put.map_err(Error::internal)?)
                .build();
            let puts = self.puts(row.id(), &conversation.participants)?;
            let items = [put].into_iter().chain(puts).collect();
            let error = match self
                .db
                .transact_write_items()
                .set_transact_items(Some(items))
                .send()
                .await
            {
                Ok(_) => return Ok(row),
                Err(error) => error,
            };
            match failure::cancelled(&error).first() {
                // Who else is at this microsecond steps aside as well, so steps differ.
                Some(Cancelled::Condition | Cancelled::Conflict) => {
                    row.created_at = Micros(row.created_at.0 + fastrand::u64(0..100)).next();
                    backoff.wait(error).await?;
                }
                _ => return Err(error.into()),
            }
        }
    }

    /// One conditional update; the row as it is then, or what overtook it.
    async fn update(&self, id: MessageId, update: Update) -> Result<Result<Row, UpdateItemError>> {
        let request = self
            .db
            .update_item()
            .table_name(&self.tables.messages)
            .set_key(Some(key(id)))
            .update_expression(update.expression())
            .condition_expression(update.condition)
            .set_expression_attribute_names(Some(update.names))
            .expression_attribute_values(":now", n(self.clock.now().0))
            .expression_attribute_values(":one", n(1));
        let request = update
            .values
            .into_iter()
            .fold(request, |request, (name, value)| {
                request.expression_attribute_values(name, value)
            });
        match request.return_values(ReturnValue::AllNew).send().await {
            Ok(output) => Row::of(output.attributes.unwrap_or_default()).map(Ok),
            Err(error) => match error.as_service_error() {
                Some(
                    UpdateItemError::ConditionalCheckFailedException(_)
                    | UpdateItemError::TransactionConflictException(_),
                ) => Ok(Err(error.into_service_error())),
                _ => Err(error.into()),
            },
        }
    }

    /// Deletes a message and its inbox entries in one transaction.
    async fn remove(
        &self,
        id: MessageId,
        author: ContactId,
        conversation: &Conversation,
    ) -> Result<()> {
        let mut backoff = Backoff::default();
        loop {
            let delete = Delete::builder()
                .table_name(&self.tables.messages)
                .set_key(Some(key(id)));
            let delete = delete.condition_expression("contact_id = :author");
            let delete = delete
                .expression_attribute_values(":author", s(author))
                .build();
            let delete = TransactWriteItem::builder()
                .delete(delete.map_err(Error::internal)?)
                .build();
            let deletes = self.deletes(id, &conversation.participants)?;
            let items = [delete].into_iter().chain(deletes).collect();
            let error = match self
                .db
                .transact_write_items()
                .set_transact_items(Some(items))
                .send()
                .await
            {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            let cancelled = failure::cancelled(&error);
            if cancelled.contains(&Cancelled::Conflict) {
                backoff.wait(error).await?;
            } else if cancelled.first() == Some(&Cancelled::Condition) {
                return Ok(()); // deleted meanwhile
            } else {
                return Err(error.into());
            }
        }
    }

    /// The messages of a batch.
    pub(super) fn take_messages(&self, found: &mut Found) -> Result<HashMap<MessageId, Row>> {
        let items = found.take_items(&self.tables.messages).into_iter();
        items
            .map(|item| Row::of(item).map(|row| (row.id(), row)))
            .collect()
    }

    /// The rows as clients see them, in their order. One round trip.
    pub(super) async fn show(&self, rows: Vec<Row>) -> Result<Vec<Message>> {
        let people = rows.iter().flat_map(Row::people).collect();
        let contacts = self.contacts(&people).await?;
        Ok(rows.into_iter().map(|row| shown(row, &contacts)).collect())
    }

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
            reactions.insert(
                Emoji::try_from(emoji).map_err(Error::internal)?,
                contacts.into_iter().collect(),
            );
        }
        Ok(Self {
            reactions,
            ..read(item)?
        })
    }

    fn id(&self) -> MessageId {
        MessageId::new(self.created_at, self.conversation_id)
    }

    /// All whom the message shows: its author, and who reacted.
    fn people(&self) -> BTreeSet<ContactId> {
        self.reactions
            .values()
            .flatten()
            .copied()
            .chain([self.contact_id])
            .collect()
    }

    fn has_reaction(&self, emoji: &Emoji, contact: ContactId) -> bool {
        self.reactions
            .get(emoji)
            .is_some_and(|contacts| contacts.contains(&contact))
    }
}

impl Change {
    /// Whether this contact may make the change.
    fn check(
        &self,
        row: &Row,
        contact: ContactId,
        usernames: &HashMap<String, ContactId>,
    ) -> Result<()> {
        if self.message.is_some() && row.contact_id != contact {
            return Err(Error::NotTheAuthor {
                param: Some("message"),
            });
        }
        for (emoji, reacting) in &self.reactions {
            if reacting
                .iter()
                .any(|username| usernames.get(&username.folded()) != Some(&contact))
            {
                return Err(Error::NotYourself {
                    param: format!("reactions[{emoji}][]"),
                });
            }
        }
        let added = self
            .reactions
            .iter()
            .filter(|(_, reacting)| !reacting.is_empty());
        let new = added
            .map(|(emoji, _)| emoji)
            .filter(|emoji| !row.reactions.contains_key(emoji));
        if let Some(one_too_many) = new
            .skip(MAX_EMOJI.saturating_sub(row.reactions.len()))
            .next()
        {
            let problem = format_args!("a message takes at most {MAX_EMOJI} different emoji");
            return Err(Invalid::value(format!("reactions[{one_too_many}][]"), problem).into());
        }
        Ok(())
    }
}

/// The parts of an update expression.
struct Update {
    set: Vec<String>,
    add: Vec<String>,
    delete: Vec<String>,
    condition: &'static str,
    names: HashMap<String, String>,
    values: Vec<(&'static str, AttributeValue)>,
}

impl Update {
    /// What is left to do of a change; none if the row is so already.
    fn of(change: &Change, row: &Row, contact: ContactId) -> Option<Self> {
        let mut update = Self {
            set: vec!["updated_at = :now".to_owned()],
            add: vec!["version :one".to_owned()],
            delete: Vec::new(),
            condition: "attribute_exists(conversation_id)",
            names: HashMap::new(),
            values: Vec::new(),
        };
        let mut changes = 0;
        if let Some(text) = change.message.as_ref().filter(|&text| *text != row.message) {
            update.set.push("#message = :message".to_owned());
            update
                .names
                .insert("#message".to_owned(), "message".to_owned());
            update
                .values
                .push((":message", s(String::from(text.clone()))));
            changes += 1;
        }
        if change.read && row.read_at.is_none() && row.contact_id != contact {
            update.set.push("read_at = :now".to_owned());
            update.condition =
                "attribute_exists(conversation_id) AND attribute_not_exists(read_at)";
            changes += 1;
        }
        let different = |(emoji, reacting): &(&Emoji, &Vec<Username>)| {
            row.has_reaction(emoji, contact) == reacting.is_empty()
        };
        for (number, (emoji, reacting)) in change.reactions.iter().filter(different).enumerate() {
            let clause = if reacting.is_empty() {
                &mut update.delete
            } else {
                &mut update.add
            };
            clause.push(format!("#reaction{number} :me"));
            update
                .names
                .insert(format!("#reaction{number}"), format!("{REACTION}{emoji}"));
            changes += 1;
        }
        if !update.delete.is_empty() || update.add.len() > 1 {
            update
                .values
                .push((":me", AttributeValue::Ss(vec![contact.to_string()])));
        }
        (changes > 0).then_some(update)
    }

    fn expression(&self) -> String {
        let clauses = [
            ("SET", &self.set),
            ("ADD", &self.add),
            ("DELETE", &self.delete),
        ];
        let clauses = clauses.into_iter().filter(|(_, parts)| !parts.is_empty());
        clauses
            .map(|(clause, parts)| format!("{clause} {}", parts.join(", ")))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

pub(super) fn key(id: MessageId) -> Item {
    Item::from([
        ("conversation_id".to_owned(), s(id.conversation())),
        ("created_at".to_owned(), n(id.created_at().0)),
    ])
}

/// The conversation, for one who takes part in it.
fn visible(conversation: Result<Option<Conversation>>, contact: ContactId) -> Result<Conversation> {
    let taking_part = |conversation: &Conversation| conversation.participants.contains(&contact);
    conversation?
        .filter(taking_part)
        .ok_or(Error::ConversationNotFound)
}

/// A row as clients see it; who reacted and has been erased is left out.
fn shown(row: Row, contacts: &HashMap<ContactId, Contact>) -> Message {
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
    }
}
