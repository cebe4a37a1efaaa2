//! Repairs of acquaintances, and of the lists that show whether a participant has accepted.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::id::{ContactId, ConversationId};
use crate::store::Admin;
use crate::store::dynamodb::item::string_attr;
use crate::store::dynamodb::transaction::{condition_check, put_new};
use crate::store::dynamodb::update::Update;
use crate::store::items::acquaintance::CompleteMarker;
use crate::store::items::membership::{self, ConversationList};
use crate::store::items::{contact, conversation};

impl Admin {
    /// Records that two contacts know each other, if both have accepted the conversation.
    pub(super) async fn add_acquaintance(
        &self,
        contact: ContactId,
        other: ContactId,
        conversation: ConversationId,
    ) -> Result<bool> {
        if !self.share(contact, other, conversation).await? {
            return Ok(false);
        }
        let pairs = BTreeSet::from([(contact, other)]);
        self.store
            .record_acquaintances(conversation, &pairs)
            .await?;
        Ok(true)
    }

    /// Records that two contacts do not know each other by this conversation, unless both have accepted it.
    pub(super) async fn delete_acquaintance(
        &self,
        contact: ContactId,
        other: ContactId,
        conversation: ConversationId,
    ) -> Result<bool> {
        if self.share(contact, other, conversation).await? {
            return Ok(false);
        }
        let pairs = BTreeSet::from([(contact, other)]);
        self.store
            .remove_acquaintances(conversation, &pairs)
            .await?;
        Ok(true)
    }

    async fn share(
        &self,
        contact: ContactId,
        other: ContactId,
        conversation: ConversationId,
    ) -> Result<bool> {
        let conversation = self.store.load_conversation(conversation).await?;
        let both = [contact, other];
        Ok(conversation
            .is_some_and(|conversation| both.iter().all(|&id| conversation.has_accepted(id))))
    }

    /// Marks the acquaintances of an existing contact as complete. Missing ones have been added before.
    pub(super) async fn mark_acquaintances_complete(&self, contact: ContactId) -> Result<bool> {
        let tables = &self.store.tables;
        let exists = condition_check(
            &tables.contacts,
            contact::key(contact),
            "attribute_exists(username)",
            &[],
        )?;
        let marker = CompleteMarker::new(contact);
        let put = put_new(&tables.acquaintances, "other_id", &marker)?;
        self.store.transact(vec![exists, put]).await
    }

    /// Moves a conversation to the list that matches whether the participant has accepted.
    pub(super) async fn move_to_right_list(
        &self,
        contact: ContactId,
        id: ConversationId,
    ) -> Result<bool> {
        let Some(membership) = self.store.membership(contact, id).await? else {
            return Ok(false);
        };
        let Some(conversation) = self.store.load_conversation(id).await? else {
            return Ok(false);
        };
        let (list, condition) = if conversation.is_pending(contact) {
            (ConversationList::Pending, "contains(pending, :contact)")
        } else {
            let not_pending = "attribute_not_exists(pending) OR NOT contains(pending, :contact)";
            (ConversationList::Open, not_pending)
        };
        let tables = &self.store.tables;
        let values = [(":contact", string_attr(contact))];
        let key = conversation::key(id);
        let is_still = condition_check(&tables.conversations, key, condition, &values)?;
        let update = Update::new(
            &tables.memberships,
            membership::key(contact, id),
            "SET place = :new",
            "place = :place",
        )
        .value(
            ":new",
            string_attr(list.position(membership.position.latest)),
        )
        .value(":place", string_attr(membership.position));
        let items = vec![is_still, update.into_transaction_item()?];
        self.store.transact(items).await
    }
}
