//! The operations on messages.

mod create;
mod delete;
mod get;
mod list;
mod list_inbox;
mod mark_read;
mod update;

use std::collections::{BTreeSet, HashMap};
use std::mem;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use serde::Deserialize;

pub use create::CreatedMessage;
pub use update::MessageUpdate;

use super::Store;
use super::dynamodb::batch::BatchGet;
use super::dynamodb::item::{from_item, number_attr, string_attr};
use super::dynamodb::query::query_items;
use super::items::conversation::{self, ConversationItem, visible_to};
use super::items::message::{self, MessageItem};
use crate::caller::Caller;
use crate::contact::Contact;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::message::Message;
use crate::page::Page;
use crate::time::Micros;
use crate::version::Expected;

#[derive(Deserialize)]
struct SortKey {
    created_at: Micros,
}

/// What an operation on one message needs to know. The caller is a participant.
struct MessageContext {
    caller: ContactId,
    conversation: ConversationItem,
    /// None if the message does not exist.
    message: Option<MessageItem>,
    /// The owners of the requested usernames, in lower case.
    owners: HashMap<String, ContactId>,
    /// The requested contacts.
    contacts: HashMap<ContactId, Contact>,
}

impl Store {
    /// Loads a message with its conversation, and authorizes the caller. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::MessageNotFound`] if the caller is not a participant of the conversation.
    async fn load_message_context(
        &self,
        caller: &Caller,
        id: MessageId,
        usernames: &BTreeSet<String>,
        contacts: &BTreeSet<ContactId>,
    ) -> Result<MessageContext> {
        let batch = BatchGet::default()
            .keys(&self.tables.messages, [message::key(id)])
            .keys(
                &self.tables.conversations,
                [conversation::key(id.conversation())],
            );
        let batch = self.with_usernames(self.with_contacts(batch, contacts), usernames);
        let mut items = self.with_caller(batch, caller).send(&self.db).await?;
        let caller = self.take_caller(&mut items, caller)?;
        let conversation = self.take_conversations(&mut items)?.pop();
        let mut found = self.take_contacts(&mut items)?;
        Ok(MessageContext {
            caller,
            conversation: visible_to(caller, conversation).ok_or(Error::MessageNotFound)?,
            message: self.take_messages(&mut items)?.remove(&id),
            owners: mem::take(&mut found.owners),
            contacts: found.requested(contacts),
        })
    }

    /// The newest message of a conversation. One round trip.
    pub(super) async fn newest_message(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<MessageItem>> {
        let newest = self.messages_newest_first(conversation);
        let newest = query_items(newest, 1).await?.pop();
        newest.map(MessageItem::from_item).transpose()
    }

    /// When the newest message of a conversation was sent. One round trip.
    pub(super) async fn newest_message_at(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<Micros>> {
        let newest = self.messages_newest_first(conversation);
        let newest = query_items(newest.projection_expression("created_at"), 1)
            .await?
            .pop();
        let key: Option<SortKey> = newest.map(from_item).transpose()?;
        Ok(key.map(|key| key.created_at))
    }

    fn messages_newest_first(&self, conversation: ConversationId) -> QueryFluentBuilder {
        self.db
            .query()
            .table_name(&self.tables.messages)
            .consistent_read(true)
            .key_condition_expression("conversation_id = :conversation")
            .expression_attribute_values(":conversation", string_attr(conversation))
            .scan_index_forward(false)
    }

    /// The messages of a conversation from one moment to another (inclusive), oldest first.
    pub(super) fn messages_between(
        &self,
        conversation: ConversationId,
        first: Micros,
        last: Micros,
    ) -> QueryFluentBuilder {
        self.db
            .query()
            .table_name(&self.tables.messages)
            .consistent_read(true)
            .key_condition_expression(
                "conversation_id = :conversation AND created_at BETWEEN :first AND :last",
            )
            .expression_attribute_values(":conversation", string_attr(conversation))
            .expression_attribute_values(":first", number_attr(first.0))
            .expression_attribute_values(":last", number_attr(last.0.max(first.0)))
    }

    /// Renders a message. One round trip.
    async fn render_message(&self, message: MessageItem) -> Result<Message> {
        let contacts = self.load_contacts(&message.displayed_contacts()).await?;
        Ok(message.render(&contacts))
    }

    /// Renders a page. One round trip, none if all contacts are known.
    async fn render_messages(
        &self,
        page: Page<MessageItem>,
        known: HashMap<ContactId, Contact>,
    ) -> Result<Page<Message>> {
        let displayed = page.data.iter().flat_map(MessageItem::displayed_contacts);
        let contacts = self
            .load_missing_contacts(known, &displayed.collect())
            .await?;
        let data = page.data.into_iter();
        let data = data.map(|message| message.render(&contacts)).collect();
        Ok(Page {
            has_more: page.has_more,
            data,
        })
    }
}

/// Fails unless the message is in one of the expected versions.
fn check_version(expected: Option<&Expected>, message: &MessageItem) -> Result<()> {
    if expected.is_none_or(|expected| expected.includes(message.version)) {
        Ok(())
    } else {
        Err(Error::PreconditionFailed)
    }
}
