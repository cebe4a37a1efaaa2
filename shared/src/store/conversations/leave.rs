//! Leaving a conversation takes effect in one transaction; the cleanup after it runs in steps, so that a
//! repeated request can resume it.
//!
//! The participant's inbox entries of the conversation are deleted. When the last participant leaves, the
//! conversation is closed, which hides it from everyone, and its messages are deleted.

use std::time::Duration;

use futures_util::future::join;
use tokio::time::Instant;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId};
use crate::store::Store;
use crate::store::dynamodb::item::{number_attr, string_attr, string_set_attr};
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::delete_if;
use crate::store::dynamodb::update::Update;
use crate::store::items::conversation::{ConversationItem, key};
use crate::store::items::membership::EndedMembership;
use crate::store::items::message;
use crate::time::Micros;

/// How long one request cleans up. The next one continues.
const CLEANUP_BUDGET: Duration = Duration::from_secs(4);

/// The number of messages per step.
const STEP: usize = 500;

impl Store {
    /// Removes the caller from a conversation. Repeating it within 24 hours succeeds.
    ///
    /// Round trips: token and conversation; transaction; membership ‖ conversation; then per 500 messages
    /// their keys and the deletions; a last update.
    ///
    /// # Errors
    ///
    /// [`Error::ConversationNotFound`]; [`Error::Unfinished`] if the caller has left and the cleanup takes
    /// longer than one request: repeat the request to continue.
    pub async fn leave_conversation(&self, caller: &Caller, id: ConversationId) -> Result<()> {
        let (contact, conversation) = self.load_caller_and_conversation(caller, id).await?;
        self.end_participation(conversation, id, contact).await
    }

    /// Removes a participant, or continues the cleanup after one who left within 24 hours.
    pub(in crate::store) async fn end_participation(
        &self,
        mut conversation: Option<ConversationItem>,
        id: ConversationId,
        contact: ContactId,
    ) -> Result<()> {
        let started = Instant::now();
        let mut backoff = Backoff::default();
        while let Some(current) =
            conversation.filter(|current| current.participants.contains(&contact))
        {
            if self.write_leave(&current, contact).await? {
                break;
            }
            backoff.wait("the participants keep changing").await?;
            conversation = self.load_conversation(id).await?;
        }
        let reads = join(
            self.ended_membership(contact, id),
            self.load_conversation(id),
        );
        let (ended, conversation) = reads.await;
        let ended = ended?.ok_or(Error::ConversationNotFound)?;
        match conversation? {
            Some(conversation) if conversation.closed_by == Some(contact) => {
                self.delete_closed_conversation(id, contact, started)
                    .await?;
            }
            _ => self.clean_up_inbox(&ended, started).await?,
        }
        self.expire_ended_membership(contact, id).await
    }

    /// One transaction ends the membership, and closes the conversation if it is the last one. Returns
    /// false if the participants have changed.
    async fn write_leave(
        &self,
        conversation: &ConversationItem,
        contact: ContactId,
    ) -> Result<bool> {
        let table = &self.tables.conversations;
        let key = key(conversation.id);
        let is_last = conversation.participants.len() == 1;
        let update = if is_last {
            let expression = "SET closed_by = :contact REMOVE participants, pair";
            Update::new(table, key, expression, "participants = :self")
                .value(":contact", string_attr(contact))
        } else {
            let condition = "contains(participants, :contact) AND size(participants) > :one";
            let expression = "DELETE participants :self REMOVE pair";
            Update::new(table, key, expression, condition)
                .value(":contact", string_attr(contact))
                .value(":one", number_attr(1))
        };
        let update = update.value(":self", string_set_attr([contact]));
        let left_at = self.clock.now();
        let mut items = vec![
            self.end_membership(contact, conversation.id, left_at)?,
            update.into_transaction_item()?,
        ];
        items.extend(self.delete_pair(conversation)?);
        self.transact(items).await
    }

    /// Deletes the inbox entries of a former participant.
    async fn clean_up_inbox(&self, ended: &EndedMembership, started: Instant) -> Result<()> {
        let mut from = ended.joined_at;
        while from <= ended.left_at {
            let conversation = ended.conversation_id;
            let ids = self
                .message_ids_between(conversation, from, ended.left_at, STEP)
                .await?;
            self.delete_inbox_entries(ended.contact_id, &ids).await?;
            let Some(last) = ids.last().filter(|_| ids.len() == STEP) else {
                break;
            };
            from = Micros(last.created_at().0 + 1);
            self.save_cleanup_progress(ended, from).await?;
            check_budget(started)?;
        }
        Ok(())
    }

    /// Deletes a conversation that `contact` has closed, with its messages.
    pub(in crate::store) async fn delete_closed_conversation(
        &self,
        id: ConversationId,
        contact: ContactId,
        started: Instant,
    ) -> Result<()> {
        self.delete_messages_of_closed(id, contact, started).await?;
        let table = &self.tables.conversations;
        let delete = delete_if(table, key(id), "closed_by", string_attr(contact))?;
        self.transact(vec![delete]).await.map(drop)
    }

    async fn delete_messages_of_closed(
        &self,
        conversation: ConversationId,
        contact: ContactId,
        started: Instant,
    ) -> Result<()> {
        loop {
            let ids = self
                .message_ids_between(conversation, Micros(0), Micros::MAX, STEP)
                .await?;
            // Inbox entries first: without the message, nothing refers to them.
            self.delete_inbox_entries(contact, &ids).await?;
            let table = self.tables.messages.as_str();
            let keys = ids.iter().map(|&id| (table, message::key(id)));
            self.delete_all(keys.collect()).await?;
            if ids.len() < STEP {
                return Ok(());
            }
            check_budget(started)?;
        }
    }
}

fn check_budget(started: Instant) -> Result<()> {
    if started.elapsed() < CLEANUP_BUDGET {
        Ok(())
    } else {
        Err(Error::Unfinished)
    }
}
