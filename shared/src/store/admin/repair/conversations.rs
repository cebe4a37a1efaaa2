//! Repairs of memberships and pairs.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;

use super::repeat_until_finished;
use crate::error::Result;
use crate::id::{ContactId, ConversationId};
use crate::store::Admin;
use crate::store::dynamodb::item::{number_attr, string_attr};
use crate::store::dynamodb::transaction::{condition_check, delete_if, put_new};
use crate::store::dynamodb::update::Update;
use crate::store::items::conversation::{PairItem, key, pair_key};
use crate::store::items::membership;

impl Admin {
    /// Creates the membership of a participant if it does not exist.
    pub(in crate::store::admin) async fn restore_membership(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<bool> {
        let Some(item) = self.store.load_conversation(conversation).await? else {
            return Ok(false);
        };
        let is_participant = condition_check(
            &self.store.tables.conversations,
            key(conversation),
            "contains(participants, :contact)",
            &[(":contact", string_attr(contact))],
        )?;
        // As if it had joined at the beginning, so that leaving deletes all inbox entries.
        let joined_at = item.created_at;
        let contacts = BTreeSet::from([contact]);
        let puts = self
            .store
            .membership_puts(&item, &contacts, joined_at, None);
        let mut items = puts?;
        items.push(is_participant);
        Ok(self.store.transact(items).await?
            && self.restore_position(contact, conversation).await?)
    }

    /// Creates the pair item of a conversation. If the pair has another conversation, this one stops being
    /// the conversation of the pair, but cannot be named or grown either.
    pub(in crate::store::admin) async fn restore_pair(
        &self,
        conversation: ConversationId,
        pair: &str,
    ) -> Result<bool> {
        let table = &self.store.tables.conversations;
        let item = PairItem {
            id: pair.to_owned(),
            conversation_id: conversation,
        };
        let key = key(conversation);
        let values = [(":pair", string_attr(pair))];
        let refers_to_pair = condition_check(table, key.clone(), "pair = :pair", &values)?;
        let items = vec![put_new(table, "id", &item)?, refers_to_pair];
        if self.store.transact(items).await? {
            return Ok(true);
        }
        let has_other_conversation = condition_check(
            table,
            pair_key(pair),
            "conversation_id <> :conversation",
            &[(":conversation", string_attr(conversation))],
        )?;
        let expression = "SET was_of_two = :true REMOVE pair";
        let update = Update::new(table, key, expression, "pair = :pair")
            .value(":pair", string_attr(pair))
            .value(":true", AttributeValue::Bool(true));
        let update = update.into_transaction_item()?;
        self.store
            .transact(vec![has_other_conversation, update])
            .await
    }

    /// Marks a conversation as one of two, of whom one has left.
    pub(super) async fn mark_as_of_two(&self, conversation: ConversationId) -> Result<bool> {
        let is_unmarked = "attribute_not_exists(was_of_two) AND attribute_not_exists(pair) \
             AND attribute_not_exists(#name) AND size(participants) = :one";
        let table = &self.store.tables.conversations;
        let expression = "SET was_of_two = :true";
        Update::new(table, key(conversation), expression, is_unmarked)
            .name("#name", "name")
            .value(":one", number_attr(1))
            .value(":true", AttributeValue::Bool(true))
            .send(&self.store.db)
            .await
    }

    pub(super) async fn delete_membership(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<bool> {
        let membership = self.store.membership(contact, conversation).await?;
        let Some(membership) = membership else {
            return Ok(false);
        };
        let key = membership::key(contact, conversation);
        let table = &self.store.tables.memberships;
        let position = string_attr(membership.position);
        let items = vec![
            self.is_not_participant(contact, conversation)?,
            delete_if(table, key, "place", position)?,
        ];
        self.store.transact(items).await
    }

    /// Finishes deleting a conversation that the contact has closed.
    pub(super) async fn finish_close(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<bool> {
        let item = self.store.load_conversation(conversation).await?;
        if item.is_none_or(|item| item.closed_by != Some(contact)) {
            return Ok(false);
        }
        repeat_until_finished(async || {
            let limit = self.store.cleanup_limit();
            self.store
                .delete_closed_conversation(conversation, contact, limit)
                .await
        })
        .await
    }

    /// Moves a conversation in a participant's list to the position of its newest message.
    pub(super) async fn restore_position(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<bool> {
        let Some(item) = self.store.load_conversation(conversation).await? else {
            return Ok(true);
        };
        if let Some(newest) = self.store.newest_message(conversation).await? {
            let id = newest.id();
            if contact == newest.contact_id {
                self.store.move_to_top_for_author(id, contact).await?;
            } else {
                let is_pending = item.is_pending(contact);
                self.store.move_to_top_for(id, contact, is_pending).await?;
            }
        }
        Ok(true)
    }

    pub(super) async fn delete_pair(
        &self,
        conversation: ConversationId,
        pair: &str,
    ) -> Result<bool> {
        let table = &self.store.tables.conversations;
        let has_other_pair = condition_check(
            table,
            key(conversation),
            "attribute_not_exists(pair) OR pair <> :pair",
            &[(":pair", string_attr(pair))],
        )?;
        let id = string_attr(conversation);
        let delete = delete_if(table, pair_key(pair), "conversation_id", id)?;
        self.store.transact(vec![has_other_pair, delete]).await
    }
}
