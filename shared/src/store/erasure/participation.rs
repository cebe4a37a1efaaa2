//! Where a contact takes part: conversations, pairs and memberships, and what it was the first to read.

use serde::Deserialize;

use super::erased::{Erased, Kind};
use crate::error::Result;
use crate::id::{ContactId, ConversationId};
use crate::store::Store;
use crate::store::cleanup::{CleanupLimit, Progress};
use crate::store::conversations::Departure;
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::dynamodb::item::{Item, from_item, number_attr, string_attr, to_attribute};
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::{delete, delete_if};
use crate::store::dynamodb::update::Update;
use crate::store::items::conversation::{
    ConversationItem, ConversationTableItem, PairItem, pair_key,
};
use crate::store::items::membership::key;
use crate::store::items::read_log::{self, ReadsItem};
use crate::time::Micros;

/// A membership, active or ended. Only what erasing needs, so that a malformed item is deleted, too.
#[derive(Deserialize)]
struct StoredMembership {
    contact_id: ContactId,
    conversation_id: ConversationId,
    place: Option<String>,
    left_at: Option<Micros>,
}

impl Store {
    /// Takes the contact out of a conversation, or out of that of a pair, and makes what it has read there anonymous.
    pub(super) async fn erase_from_conversation(
        &self,
        contact: ContactId,
        item: &Item,
        erased: &mut Erased,
        limit: CleanupLimit,
    ) -> Result<Progress> {
        match ConversationTableItem::from_item(item.clone())? {
            ConversationTableItem::Conversation(conversation) => {
                let id = conversation.id;
                if self.take_out(contact, id, erased, limit).await? == Progress::Unfinished {
                    return Ok(Progress::Unfinished);
                }
                let count = conversation.read_log.count_of(contact);
                if count > 0 && self.make_read_log_anonymous(id, contact).await? {
                    erased.add(Kind::Reads, count);
                }
            }
            ConversationTableItem::Pair(pair) => {
                let id = pair.conversation_id;
                if self.take_out(contact, id, erased, limit).await? == Progress::Unfinished {
                    return Ok(Progress::Unfinished);
                }
                // Leaving deletes it as well.
                if self.delete_pair_item(&pair).await? {
                    erased.add(Kind::Pairs, 1);
                }
            }
        }
        Ok(Progress::Finished)
    }

    /// Ends the participation of the contact. The last participant's conversation is deleted.
    async fn take_out(
        &self,
        contact: ContactId,
        id: ConversationId,
        erased: &mut Erased,
        limit: CleanupLimit,
    ) -> Result<Progress> {
        let mut backoff = Backoff::default();
        loop {
            match self.load_conversation(id).await? {
                Some(conversation) if conversation.closed_by == Some(contact) => {
                    let progress = self.delete_closed_conversation(id, contact, limit).await?;
                    if progress == Progress::Finished {
                        erased.add(Kind::ConversationsLeft, 1);
                    }
                    return Ok(progress);
                }
                Some(conversation) if conversation.participants.contains(&contact) => {
                    if !self.end_participation_of(&conversation, contact).await? {
                        backoff.wait("the participants keep changing").await?;
                    } else if conversation.participants.len() > 1 {
                        erased.add(Kind::ConversationsLeft, 1);
                        return Ok(Progress::Finished);
                    }
                }
                _ => return Ok(Progress::Finished),
            }
        }
    }

    /// Returns false if the participants have changed.
    async fn end_participation_of(
        &self,
        conversation: &ConversationItem,
        contact: ContactId,
    ) -> Result<bool> {
        let removed = Departure::Removed;
        if self.write_leave(conversation, contact, removed).await? {
            return Ok(true);
        }
        let Some(current) = self.load_conversation(conversation.id).await? else {
            return Ok(false);
        };
        let is_same =
            current.participants == conversation.participants && current.pair == conversation.pair;
        if !is_same {
            return Ok(false);
        }
        // Its membership or its pair is missing, which is an inconsistency. What there is of them is erased later.
        let departure = self.departure(conversation, contact);
        departure.send(&self.db).await
    }

    async fn delete_pair_item(&self, pair: &PairItem) -> Result<bool> {
        let id = string_attr(pair.conversation_id);
        let table = &self.tables.conversations;
        let delete = delete_if(table, pair_key(&pair.id), "conversation_id", id)?;
        self.transact(vec![delete]).await
    }

    /// Returns false if nothing in it names the contact.
    async fn make_read_log_anonymous(
        &self,
        id: ConversationId,
        contact: ContactId,
    ) -> Result<bool> {
        let mut backoff = Backoff::default();
        while let Some(conversation) = self.load_conversation(id).await? {
            let anonymous = conversation.read_log.without(contact);
            if anonymous == conversation.read_log {
                break;
            }
            let replaced = self.replace_read_log(&conversation, &anonymous, None);
            if replaced.await? {
                return Ok(true);
            }
            backoff.wait("the conversation keeps changing").await?;
        }
        Ok(false)
    }

    /// Makes older intervals that the contact has read anonymous.
    pub(super) async fn erase_reads(
        &self,
        contact: ContactId,
        items: &[Item],
        erased: &mut Erased,
    ) -> Result<()> {
        let updates = items.iter().map(async |item| {
            let item: ReadsItem = from_item(item.clone())?;
            let anonymous = to_attribute(&item.intervals.without(contact))?;
            let table = &self.tables.reads;
            let key = read_log::key(item.conversation_id, &item.up_to);
            let expression = "SET intervals = :anonymous";
            let update = Update::new(table, key, expression, "intervals = :intervals")
                .value(":anonymous", anonymous)
                .value(":intervals", to_attribute(&item.intervals)?);
            let is_updated = update.send(&self.db).await?;
            Ok(is_updated.then(|| item.intervals.count_of(contact)))
        });
        let counts = join_bounded(updates.collect()).await?;
        erased.add(Kind::Reads, counts.into_iter().flatten().sum());
        Ok(())
    }

    /// Deletes the contact's memberships, active and ended ones, and removes from those of others that it added them.
    pub(super) async fn erase_memberships(
        &self,
        contact: ContactId,
        items: &[Item],
        erased: &mut Erased,
        limit: CleanupLimit,
    ) -> Result<Progress> {
        for item in items {
            let item: StoredMembership = from_item(item.clone())?;
            let (id, key) = (
                item.conversation_id,
                key(item.contact_id, item.conversation_id),
            );
            let table = &self.tables.memberships;
            if item.contact_id != contact {
                let update = Update::new(table, key, "REMOVE added_by", "added_by = :contact")
                    .value(":contact", string_attr(contact));
                let is_updated = update.send(&self.db).await?;
                erased.add(Kind::MembershipsOfOthers, usize::from(is_updated));
                continue;
            }
            // It may have been added to the conversation again.
            if self.take_out(contact, id, erased, limit).await? == Progress::Unfinished {
                return Ok(Progress::Unfinished);
            }
            let delete = match (&item.place, item.left_at) {
                (Some(place), _) => delete_if(table, key, "place", string_attr(place))?,
                (None, Some(left_at)) => delete_if(table, key, "left_at", number_attr(left_at.0))?,
                (None, None) => delete(table, key)?,
            };
            let is_deleted = self.transact(vec![delete]).await?;
            erased.add(Kind::Memberships, usize::from(is_deleted));
        }
        Ok(Progress::Finished)
    }
}
