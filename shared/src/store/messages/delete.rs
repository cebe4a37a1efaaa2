//! Deleting a message: one transaction deletes the message, its attachments, its recorded edits and its inbox entries.
//! Entries that are too many for a transaction are deleted after it: without the message, readers skip them.

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::Deserialize;

use super::{MessageContext, check_version};
use crate::caller::Caller;
use crate::error::{AuthorOnly, Error, Result};
use crate::id::{ContactId, MessageId};
use crate::store::Store;
use crate::store::dynamodb::batch::{BatchGet, delete_all};
use crate::store::dynamodb::item::from_item;
use crate::store::dynamodb::query::query_items;
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::{MAX_TRANSACTION_ITEMS, delete_on};
use crate::store::items::conversation::{self, ConversationItem};
use crate::store::items::inbox_entry;
use crate::store::items::message::{self, Condition, MessageItem};
use crate::version::Expected;

impl Store {
    /// Deletes a message of the caller, or any for a moderator, if it is in one of the expected versions. Deleting a message that
    /// does not exist, in a conversation of the caller, succeeds. Two round trips; for a former participant
    /// two more; and one if it has recorded edits and more than 70 participants.
    ///
    /// # Errors
    ///
    /// [`Error::MessageNotFound`] if the caller is neither a participant nor the author, and for a former participant
    /// who expects certain versions;
    /// [`Error::NotTheAuthor`]; [`Error::PreconditionFailed`].
    pub async fn delete_message(
        &self,
        caller: &Caller,
        id: MessageId,
        expected: Option<&Expected>,
    ) -> Result<()> {
        let mut backoff = Backoff::default();
        let mut has_tried = false;
        loop {
            let context = self.load_message_context(caller, id, BatchGet::default());
            let (message, conversation) = match context.await {
                Ok(MessageContext { message: None, .. }) => return Ok(()),
                Ok(MessageContext {
                    message: Some(message),
                    participation,
                    ..
                }) => {
                    if message.contact_id != participation.caller {
                        return Err(Error::NotTheAuthor(AuthorOnly::Deletion));
                    }
                    (message, Some(participation.conversation))
                }
                Err(Error::ContactRequired) => {
                    return Box::pin(self.delete_message_as_moderator(caller, id, expected)).await;
                }
                // A former participant does not learn whether the message has changed.
                Err(Error::MessageNotFound) if !matches!(expected, Some(Expected::OneOf(_))) => {
                    match self.load_as_former_participant(caller, id).await {
                        // Another request has deleted it meanwhile.
                        Err(Error::MessageNotFound) if has_tried => return Ok(()),
                        loaded => loaded?,
                    }
                }
                Err(error) => return Err(error),
            };
            if self
                .delete_loaded_message(&message, expected, conversation.as_ref())
                .await?
            {
                return Ok(());
            }
            has_tried = true;
            backoff.wait("the message keeps changing").await?;
        }
    }

    /// Loads a message that the caller wrote, and its conversation, for a caller who is not
    /// one of them. Two round trips: the author, on the index, which costs half a read unit whatever the size
    /// of the message; message and conversation.
    ///
    /// # Errors
    ///
    /// [`Error::MessageNotFound`], also if the caller did not write it.
    async fn load_as_former_participant(
        &self,
        caller: &Caller,
        id: MessageId,
    ) -> Result<(MessageItem, Option<ConversationItem>)> {
        #[derive(Deserialize)]
        struct Indexed {
            contact_id: ContactId,
        }
        let contact = self.authenticate(caller).await?;
        let (conversation, moment) = (id.conversation(), id.created_at());
        let query = self
            .messages_between(conversation, moment, moment)
            .index_name("by_time")
            .consistent_read(false);
        let indexed = query_items(query, 1).await?.pop();
        let indexed: Option<Indexed> = indexed.map(from_item).transpose()?;
        if indexed.is_none_or(|indexed| indexed.contact_id != contact) {
            return Err(Error::MessageNotFound);
        }
        let batch = BatchGet::default()
            .keys(&self.tables.messages, [message::key(id)])
            .keys(
                &self.tables.conversations,
                [conversation::key(conversation)],
            );
        let mut items = batch.send(&self.db).await?;
        let message = self.take_messages(&mut items)?.remove(&id);
        let message = message.filter(|message| message.contact_id == contact);
        let conversation = self.take_conversations(&mut items)?.pop();
        Ok((message.ok_or(Error::MessageNotFound)?, conversation))
    }

    /// Deletes a message as it was loaded. Returns false if it has changed meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::PreconditionFailed`] if it is in none of the expected versions.
    pub(in crate::store) async fn delete_loaded_message(
        &self,
        message: &MessageItem,
        expected: Option<&Expected>,
        conversation: Option<&ConversationItem>,
    ) -> Result<bool> {
        check_version(expected, message)?;
        let condition = match expected {
            Some(Expected::OneOf(_)) => message.is_in_same_version(),
            _ => message.has_same_related_items(),
        };
        let id = message.id();
        let mut items = vec![self.message_delete(id, condition)?];
        items.extend(self.attachment_deletes(&message.attachment_ids())?);
        items.extend(self.edit_deletes(message)?);
        if message.is_pinned && conversation.is_some() {
            items.push(self.unpin_in_conversation(id)?);
        }
        let participants = conversation.map(|conversation| &conversation.participants);
        let participants: Vec<_> = participants.into_iter().flatten().copied().collect();
        let room = participants.len().min(MAX_TRANSACTION_ITEMS - items.len());
        let (fitting, others) = participants.split_at(room);
        items.extend(self.inbox_deletes(id, fitting)?);
        if !self.transact(items).await? {
            return Ok(false);
        }
        let table = self.tables.inbox.as_str();
        let others = others
            .iter()
            .map(|&contact| (table, inbox_entry::key(contact, id)));
        delete_all(&self.db, others.collect()).await?;
        Ok(true)
    }

    pub(super) fn message_delete(
        &self,
        id: MessageId,
        (condition, values): Condition,
    ) -> Result<TransactWriteItem> {
        let key = message::key(id);
        delete_on(&self.tables.messages, key, &condition, values)
    }
}
