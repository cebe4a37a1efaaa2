//! Mending who takes part in what.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::finished;
use crate::error::Result;
use crate::id::{ContactId, ConversationId};
use crate::store::conversations::{self, Pair, pair_key};
use crate::store::write::{Update, check, delete_if, put};
use crate::store::{Store, memberships, s};

impl Store {
    /// Lets a participant have a membership again, if it has none.
    pub(in crate::store) async fn restore_membership(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<bool> {
        let Some(row) = self.conversation_row(conversation).await? else {
            return Ok(false);
        };
        let participant = check(
            &self.tables.conversations,
            conversations::key(conversation),
            "contains(participants, :contact)",
            &[(":contact", s(contact))],
        )?;
        // As if from the beginning: whoever leaves removes what was sent since.
        let mut items = self.joins(conversation, &BTreeSet::from([contact]), row.created_at)?;
        items.push(participant);
        Ok(self.all_of(items).await? && self.move_again(contact, conversation).await?)
    }

    /// Lets a pair have its conversation again, or if it has another, the conversation be one of many.
    pub(in crate::store) async fn restore_pair(
        &self,
        conversation: ConversationId,
        pair: &str,
    ) -> Result<bool> {
        let table = &self.tables.conversations;
        let row = Pair {
            id: pair.to_owned(),
            conversation_id: conversation,
        };
        let key = conversations::key(conversation);
        let claims = check(table, key.clone(), "pair = :pair", &[(":pair", s(pair))])?;
        if self.all_of(vec![put(table, "id", &row)?, claims]).await? {
            return Ok(true);
        }
        let other = check(
            table,
            pair_key(pair),
            "conversation_id <> :conversation",
            &[(":conversation", s(conversation))],
        )?;
        let update = Update::new(table, key, "REMOVE pair", "pair = :pair");
        let update = update.with(":pair", s(pair)).into_part()?;
        self.all_of(vec![other, update]).await
    }

    pub(super) async fn remove_membership(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<bool> {
        let Some(row) = self.membership(contact, conversation).await? else {
            return Ok(false);
        };
        let key = memberships::key(contact, conversation);
        let table = &self.tables.memberships;
        self.all_of(vec![
            self.stranger(contact, conversation)?,
            delete_if(table, key, "place", s(row.place))?,
        ])
        .await
    }

    /// Finishes closing a conversation, if it is closed.
    pub(super) async fn finish(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<bool> {
        let row = self.conversation_row(conversation).await?;
        if row.is_none_or(|row| row.closed_by != Some(contact)) {
            return Ok(false);
        }
        finished(async || {
            self.finish_closing(conversation, contact, Instant::now())
                .await
        })
        .await
    }

    /// Moves a conversation in a participant's list to where its newest message should have.
    pub(super) async fn move_again(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<bool> {
        if let Some(newest) = self.newest_message(conversation).await? {
            self.move_up(newest.id(), newest.author(), &BTreeSet::from([contact]))
                .await?;
        }
        Ok(true)
    }

    pub(super) async fn remove_pair(
        &self,
        conversation: ConversationId,
        pair: &str,
    ) -> Result<bool> {
        let table = &self.tables.conversations;
        let other = check(
            table,
            conversations::key(conversation),
            "attribute_not_exists(pair) OR pair <> :pair",
            &[(":pair", s(pair))],
        )?;
        let id = s(conversation);
        let item = delete_if(table, pair_key(pair), "conversation_id", id)?;
        self.all_of(vec![other, item]).await
    }
}
