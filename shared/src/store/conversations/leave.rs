//! Leaving a conversation takes effect in one transaction; the cleanup after it runs in steps, so that a
//! repeated request can resume it.
//!
//! The participant's inbox entries of the conversation are deleted. When the last participant leaves, the
//! conversation is closed, which hides it from everyone, and its messages and attachments are deleted.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join;

use crate::caller::Caller;
use crate::error::{Error, Result, chain};
use crate::id::{ContactId, ConversationId};
use crate::store::Store;
use crate::store::cleanup::{CleanupLimit, Progress};
use crate::store::dynamodb::batch::delete_all;
use crate::store::dynamodb::item::{number_attr, string_attr, string_set_attr};
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::delete_if;
use crate::store::dynamodb::update::Update;
use crate::store::items::conversation::{ConversationItem, key};
use crate::store::items::membership::EndedMembership;
use crate::store::items::message;
use crate::time::Micros;

/// The number of messages per step, unless they are so long that a page has fewer.
const STEP: usize = 500;

/// How a participant ceases to be one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Departure {
    /// By leaving or declining: for a day, it cannot be added again.
    Left,
    /// By being removed.
    Removed,
}

impl Store {
    /// Removes the caller from a conversation. Repeating it within 24 hours succeeds.
    ///
    /// Round trips: token and conversation; membership; decline; transaction; membership ‖ conversation;
    /// acquaintances; then per 500 messages, or 1 MB of them, their keys and the deletions; a last update.
    /// [`Progress::Unfinished`] if the caller has left and the cleanup takes more than one request, or DynamoDB
    /// throttles it.
    ///
    /// # Errors
    ///
    /// [`Error::ConversationNotFound`].
    pub async fn leave_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Result<Progress> {
        let (contact, conversation) = self.load_caller_and_conversation(caller, id).await?;
        self.end_participation(conversation, id, contact, Departure::Left)
            .await
    }

    /// Removes a participant, or continues the cleanup after one who left within 24 hours.
    pub(in crate::store) async fn end_participation(
        &self,
        mut conversation: Option<ConversationItem>,
        id: ConversationId,
        contact: ContactId,
        departure: Departure,
    ) -> Result<Progress> {
        let limit = self.cleanup_limit();
        let mut others = BTreeSet::new();
        let mut backoff = Backoff::default();
        while let Some(current) =
            conversation.filter(|current| current.participants.contains(&contact))
        {
            if departure == Departure::Left {
                let now = self.clock.now();
                self.remember_decline(&current, contact, now).await?;
            }
            if self.write_leave(&current, contact, departure).await? {
                others = current.participants;
                break;
            }
            backoff.wait("the participants keep changing").await?;
            conversation = self.load_conversation(id).await?;
        }
        let (ended, conversation) = self.load_departure(contact, id).await?;
        if departure == Departure::Left && ended.was_removed {
            self.leave_after_removal(&ended).await?;
        }
        if ended.expires_at.is_some() {
            return Ok(Progress::Finished);
        }
        match self.clean_up(&ended, conversation, others, limit).await {
            // The participant has left. Throttled deletions are no failure: the request is repeated.
            Err(Error::Unavailable(cause)) => {
                tracing::warn!(
                    error = chain(&*cause),
                    "failed to clean up after a participant left"
                );
                Ok(Progress::Unfinished)
            }
            progress => progress,
        }
    }

    /// Lets who was removed leave, so that it cannot be added again for a day.
    async fn leave_after_removal(&self, ended: &EndedMembership) -> Result<()> {
        let now = self.clock.now();
        let (contact, id) = (ended.contact_id, ended.conversation_id);
        if let Some(added_by) = ended.added_by.filter(|&other| other != contact) {
            self.decline(contact, added_by, now).await?;
            self.expire_unless_acquainted(contact, added_by).await?;
        }
        self.turn_removal_into_leaving(contact, id, now).await
    }

    /// Cleans up after a participant who left, even if that seems to be done.
    pub(in crate::store) async fn clean_up_again(
        &self,
        contact: ContactId,
        id: ConversationId,
    ) -> Result<Progress> {
        let limit = self.cleanup_limit();
        let (ended, conversation) = self.load_departure(contact, id).await?;
        self.clean_up(&ended, conversation, BTreeSet::new(), limit)
            .await
    }

    async fn load_departure(
        &self,
        contact: ContactId,
        id: ConversationId,
    ) -> Result<(EndedMembership, Option<ConversationItem>)> {
        let reads = join(
            self.ended_membership(contact, id),
            self.load_conversation(id),
        );
        let (ended, conversation) = reads.await;
        Ok((ended?.ok_or(Error::ConversationNotFound)?, conversation?))
    }

    /// `others` may be acquaintances, besides those who participate.
    async fn clean_up(
        &self,
        ended: &EndedMembership,
        conversation: Option<ConversationItem>,
        mut others: BTreeSet<ContactId>,
        limit: CleanupLimit,
    ) -> Result<Progress> {
        let (contact, id) = (ended.contact_id, ended.conversation_id);
        if !ended.acquaintances_removed {
            if let Some(conversation) = &conversation {
                others.extend(&conversation.participants);
            }
            others.remove(&contact);
            let pairs = others.into_iter().map(|other| (contact, other)).collect();
            self.remove_acquaintances(id, &pairs).await?;
        }
        let progress = match conversation {
            Some(conversation) if conversation.closed_by == Some(contact) => {
                self.delete_closed_conversation(id, contact, limit).await?
            }
            _ => self.clean_up_inbox(ended, limit).await?,
        };
        if progress == Progress::Finished {
            self.expire_ended_membership(contact, id).await?;
        }
        Ok(progress)
    }

    /// One transaction ends the membership, and closes the conversation if it is the last one. Returns
    /// false if the participants have changed.
    pub(in crate::store) async fn write_leave(
        &self,
        conversation: &ConversationItem,
        contact: ContactId,
        departure: Departure,
    ) -> Result<bool> {
        let left_at = self.clock.now();
        let mut items = vec![
            self.end_membership(
                contact,
                conversation.id,
                left_at,
                departure == Departure::Removed,
            )?,
            self.departure(conversation, contact)
                .into_transaction_item()?,
        ];
        items.extend(self.delete_pair(conversation)?);
        self.transact(items).await
    }

    /// The update of a conversation that a participant leaves: the last one closes it.
    pub(in crate::store) fn departure(
        &self,
        conversation: &ConversationItem,
        contact: ContactId,
    ) -> Update {
        let table = &self.tables.conversations;
        let key = key(conversation.id);
        let is_last = conversation.participants.len() == 1;
        let update = if is_last {
            let expression = "SET closed_by = :contact REMOVE participants, pending, pair";
            Update::new(table, key, expression, "participants = :self")
                .value(":contact", string_attr(contact))
        } else {
            let condition = "contains(participants, :contact) AND size(participants) > :one";
            let expression = "DELETE participants :self, pending :self \
                 SET was_of_two = :was_of_two REMOVE pair";
            Update::new(table, key, expression, condition)
                .value(":contact", string_attr(contact))
                .value(":one", number_attr(1))
                .value(
                    ":was_of_two",
                    AttributeValue::Bool(conversation.is_of_two()),
                )
        };
        update.value(":self", string_set_attr([contact]))
    }

    /// Deletes the inbox entries of a former participant.
    async fn clean_up_inbox(
        &self,
        ended: &EndedMembership,
        limit: CleanupLimit,
    ) -> Result<Progress> {
        let mut from = ended.joined_at;
        while from <= ended.left_at {
            let conversation = ended.conversation_id;
            let (ids, has_more) = self
                .first_message_ids_between(conversation, from, ended.left_at, STEP)
                .await?;
            self.delete_inbox_entries(ended.contact_id, &ids).await?;
            let Some(last) = ids.last().filter(|_| has_more) else {
                break;
            };
            from = Micros(last.created_at().0 + 1);
            self.save_cleanup_progress(ended, from).await?;
            if limit.is_reached() {
                return Ok(Progress::Unfinished);
            }
        }
        Ok(Progress::Finished)
    }

    /// Deletes a conversation that `contact` has closed, with its messages, their edits, attachments and reads.
    pub(in crate::store) async fn delete_closed_conversation(
        &self,
        id: ConversationId,
        contact: ContactId,
        limit: CleanupLimit,
    ) -> Result<Progress> {
        // Messages before their edits: a message that is gone cannot be edited any more.
        let all_deleted = self.delete_messages_of_closed(id, contact, limit).await?
            == Progress::Finished
            && self.delete_edits_of_closed(id, limit).await? == Progress::Finished
            && self.delete_attachments_of_closed(id, limit).await? == Progress::Finished
            && self.delete_reads(id, limit).await? == Progress::Finished;
        if !all_deleted {
            return Ok(Progress::Unfinished);
        }
        let table = &self.tables.conversations;
        let delete = delete_if(table, key(id), "closed_by", string_attr(contact))?;
        self.transact(vec![delete]).await?;
        Ok(Progress::Finished)
    }

    async fn delete_edits_of_closed(
        &self,
        conversation: ConversationId,
        limit: CleanupLimit,
    ) -> Result<Progress> {
        let table = &self.tables.edits;
        let query = self.db.query().table_name(table).consistent_read(true);
        let keys = query
            .key_condition_expression("conversation_id = :conversation")
            .projection_expression("conversation_id, id")
            .expression_attribute_values(":conversation", string_attr(conversation));
        self.delete_queried(table, &keys, limit).await
    }

    async fn delete_messages_of_closed(
        &self,
        conversation: ConversationId,
        contact: ContactId,
        limit: CleanupLimit,
    ) -> Result<Progress> {
        loop {
            let (ids, has_more) = self
                .first_message_ids_between(conversation, Micros(0), Micros::MAX, STEP)
                .await?;
            // Inbox entries first: without the message, nothing refers to them.
            self.delete_inbox_entries(contact, &ids).await?;
            let table = self.tables.messages.as_str();
            let keys = ids.iter().map(|&id| (table, message::key(id)));
            delete_all(&self.db, keys.collect()).await?;
            if !has_more {
                return Ok(Progress::Finished);
            }
            if limit.is_reached() {
                return Ok(Progress::Unfinished);
            }
        }
    }
}
