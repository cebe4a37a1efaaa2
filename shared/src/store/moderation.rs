//! What server keys with the scope `moderate` can do in all conversations, without participating.
//!
//! Each of these methods is where an operation ends up whose caller turned out to be a server key: see the operation
//! of the same name.

mod close_conversation;
mod delete_message;
mod get_attachment;
mod get_conversation;
mod get_message;
mod list_messages;
mod remove_participant;

use super::Store;
use super::dynamodb::batch::BatchGet;
use super::items::conversation::{self, ConversationItem};
use super::items::message::{self, MessageItem};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId};
use crate::key::Scope;

/// A message as a moderator works with it.
pub(super) struct ModeratedMessage {
    /// None if it does not exist.
    pub message: Option<MessageItem>,
    conversation: ConversationItem,
}

impl Store {
    /// A conversation, for a moderator. Three round trips: key; audit trail; conversation.
    ///
    /// # Errors
    ///
    /// [`Error::KeyRequired`]; [`Error::ScopeMissing`]; [`Error::ConversationNotFound`].
    pub(super) async fn load_as_moderator(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Result<ConversationItem> {
        self.authenticate_key(caller, Scope::Moderate).await?;
        self.audit(caller, id).await?;
        self.load_any_conversation(id).await
    }

    /// A conversation, without authorization. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::ConversationNotFound`].
    async fn load_any_conversation(&self, id: ConversationId) -> Result<ConversationItem> {
        let conversation = self.find_any_conversation(id).await?;
        // One without participants is being deleted.
        let existing = conversation.filter(|found| !found.participants.is_empty());
        existing.ok_or(Error::ConversationNotFound)
    }

    /// The same, if it exists, also while it is being deleted.
    async fn find_any_conversation(&self, id: ConversationId) -> Result<Option<ConversationItem>> {
        let batch = BatchGet::default();
        let batch = batch.keys(&self.tables.conversations, [conversation::key(id)]);
        let mut items = batch.send(&self.db).await?;
        Ok(self.take_conversations(&mut items)?.pop())
    }

    /// A message and its conversation, for a moderator. Three round trips: key; audit trail; both.
    ///
    /// # Errors
    ///
    /// As [`Store::load_as_moderator`]; [`Error::MessageNotFound`] without the conversation.
    pub(super) async fn load_message_as_moderator(
        &self,
        caller: &Caller,
        id: MessageId,
    ) -> Result<ModeratedMessage> {
        self.authenticate_key(caller, Scope::Moderate).await?;
        self.audit(caller, id).await?;
        self.load_any_message(id).await
    }

    /// A message and its conversation, without authorization. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::MessageNotFound`] without the conversation.
    async fn load_any_message(&self, id: MessageId) -> Result<ModeratedMessage> {
        let batch = BatchGet::default()
            .keys(&self.tables.messages, [message::key(id)])
            .keys(
                &self.tables.conversations,
                [conversation::key(id.conversation())],
            );
        let mut items = batch.send(&self.db).await?;
        let conversation = self.take_conversations(&mut items)?.pop();
        Ok(ModeratedMessage {
            message: self.take_messages(&mut items)?.remove(&id),
            conversation: conversation.ok_or(Error::MessageNotFound)?,
        })
    }
}
