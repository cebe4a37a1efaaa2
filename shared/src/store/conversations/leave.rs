//! Leaving: at once for everybody to see, and then the traces go, in steps that can be gone on with.
//!
//! Who leaves takes along what was in its inbox. The last to leave closes the conversation, which
//! from then on nobody sees, and takes all messages along.

use std::time::Duration;

use futures_util::future::join;
use tokio::time::Instant;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{Row, key};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId};
use crate::store::failure::Backoff;
use crate::store::memberships::{self, Left};
use crate::store::write::{Update, delete_if};
use crate::store::{Store, messages, n, s};
use crate::time::Micros;

/// How long one request goes on removing; the rest is for those that follow.
const PATIENCE: Duration = Duration::from_secs(4);

/// How many messages a step is about.
const STEP: usize = 500;

impl Store {
    /// The caller leaves the conversation with this id; having left already, within a day, is fine.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::ConversationNotFound`], also for those who do not take part;
    /// [`Error::Unfinished`] after leaving, if traces are left: the same again goes on with them.
    pub async fn leave(&self, caller: &Caller, id: ConversationId) -> Result<()> {
        let (contact, row) = self.caller_and_row(caller, id).await?;
        self.depart(row, id, contact).await
    }

    /// Ends the part of `contact`, who takes part, or did within the last day.
    pub(in crate::store) async fn depart(
        &self,
        mut row: Option<Row>,
        id: ConversationId,
        contact: ContactId,
    ) -> Result<()> {
        let started = Instant::now();
        let mut backoff = Backoff::default();
        while let Some(present) = row.filter(|row| row.participants.contains(&contact)) {
            if self.end(&present, contact).await? {
                break;
            }
            backoff.wait("who takes part keeps changing").await?;
            row = self.conversation_row(id).await?;
        }
        let (left, row) = join(
            self.ended_membership(contact, id),
            self.conversation_row(id),
        )
        .await;
        let left = left?.ok_or(Error::ConversationNotFound { param: "id" })?;
        match row? {
            Some(row) if row.closed_by == Some(contact) => {
                self.finish_closing(id, contact, started).await?;
            }
            _ => self.remove_entries(&left, started).await?,
        }
        self.forget_in_a_day(contact, id).await
    }

    /// One transaction that ends a membership, and closes the conversation if it was the last;
    /// whether nothing came between.
    async fn end(&self, row: &Row, contact: ContactId) -> Result<bool> {
        let table = &self.tables.conversations;
        let is_last = row.participants.len() == 1;
        let mut items = vec![self.ends(contact, row.id, self.clock.now())?];
        let me = AttributeValue::Ss(vec![contact.to_string()]);
        let update = if is_last {
            let expression = "SET closed_by = :contact REMOVE participants, pair";
            Update::new(table, key(row.id), expression, "participants = :me")
                .with(":contact", s(contact))
        } else {
            let condition = "contains(participants, :contact) AND size(participants) > :one";
            let expression = "DELETE participants :me REMOVE pair";
            Update::new(table, key(row.id), expression, condition)
                .with(":contact", s(contact))
                .with(":one", n(1))
        };
        items.push(update.with(":me", me).into_part()?);
        items.extend(self.unpair(row)?);
        Ok(self.transact(items).await?.is_empty())
    }

    /// Removes what is in the inbox of somebody who has left, step by step.
    async fn remove_entries(&self, left: &Left, started: Instant) -> Result<()> {
        let mut from = left.joined_at;
        while from <= left.left_at {
            let ids = self
                .ids_between(left.conversation_id, from, left.left_at, STEP)
                .await?;
            self.remove_from_inbox(left.contact_id, &ids).await?;
            let Some(last) = ids.last().filter(|_| ids.len() == STEP) else {
                break;
            };
            from = Micros(last.created_at().0 + 1);
            self.keep_progress(left, from).await?;
            in_time(started)?;
        }
        Ok(())
    }

    /// The next request goes on from here.
    async fn keep_progress(&self, left: &Left, from: Micros) -> Result<()> {
        let key = memberships::key(left.contact_id, left.conversation_id);
        let condition = "attribute_exists(left_at)";
        let table = &self.tables.memberships;
        let update = Update::new(table, key, "SET joined_at = :from", condition);
        update
            .with(":from", n(from.0))
            .send(&self.db)
            .await
            .map(drop)
    }

    /// Removes what is left of a conversation that `contact` has closed.
    pub(in crate::store) async fn finish_closing(
        &self,
        id: ConversationId,
        contact: ContactId,
        started: Instant,
    ) -> Result<()> {
        self.remove_messages(id, contact, started).await?;
        self.remove_closed(id, contact).await
    }

    /// Removes the messages of a closed conversation and the entries of the last to leave, step by step.
    async fn remove_messages(
        &self,
        conversation: ConversationId,
        contact: ContactId,
        started: Instant,
    ) -> Result<()> {
        loop {
            let ids = self
                .ids_between(conversation, Micros(0), Micros::MAX, STEP)
                .await?;
            // The entries first: once a message is gone, nothing leads to them.
            self.remove_from_inbox(contact, &ids).await?;
            let table = self.tables.messages.as_str();
            let keys = ids.iter().map(|&id| (table, messages::key(id)));
            self.delete_all(keys.collect()).await?;
            if ids.len() < STEP {
                return Ok(());
            }
            in_time(started)?;
        }
    }

    /// Removes a closed conversation itself.
    async fn remove_closed(&self, id: ConversationId, contact: ContactId) -> Result<()> {
        let table = &self.tables.conversations;
        let delete = delete_if(table, key(id), "closed_by", s(contact))?;
        self.transact(vec![delete]).await.map(drop)
    }
}

fn in_time(started: Instant) -> Result<()> {
    if started.elapsed() < PATIENCE {
        Ok(())
    } else {
        Err(Error::Unfinished)
    }
}
