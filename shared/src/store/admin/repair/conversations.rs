//! Repairs of memberships and pairs.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::repeat_until_finished;
use crate::error::Result;
use crate::id::{ContactId, ConversationId};
use crate::store::Admin;
use crate::store::dynamodb::item::string_attr;
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
            .membership_puts(conversation, &contacts, joined_at);
        let mut items = puts?;
        items.push(is_participant);
        Ok(self.store.transact(items).await?
            && self.restore_position(contact, conversation).await?)
    }

    /// Creates the pair item of a conversation. If the pair has another conversation, this one stops being
    /// the conversation of the pair.
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
        let update = Update::new(table, key, "REMOVE pair", "pair = :pair");
        let update = update.value(":pair", string_attr(pair));
        let update = update.into_transaction_item()?;
        self.store
            .transact(vec![has_other_conversation, update])
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
            let started = Instant::now();
            self.store
                .delete_closed_conversation(conversation, contact, started)
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
        if let Some(newest) = self.store.newest_message(conversation).await? {
            let contacts = BTreeSet::from([contact]);
            self.store
                .move_to_top_of_lists(newest.id(), newest.contact_id, &contacts)
                .await?;
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
