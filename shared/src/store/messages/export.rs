//! Exporting: all messages of a conversation, for operators.

use std::collections::BTreeSet;

use super::{Row, shown};
use crate::error::Result;
use crate::id::ConversationId;
use crate::message::Message;
use crate::store::{Store, query};
use crate::time::Micros;

/// How many messages are read at a time.
const STEP: usize = 500;

impl Store {
    /// The next messages of a conversation from a moment on, the oldest first; none after the last.
    /// Two round trips or more, as the messages are long.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn messages_from(
        &self,
        conversation: ConversationId,
        moment: Micros,
    ) -> Result<Vec<Message>> {
        let items = query(self.between(conversation, moment, Micros::MAX), STEP).await?;
        let rows: Vec<_> = items.into_iter().map(Row::of).collect::<Result<_>>()?;
        let people: BTreeSet<_> = rows.iter().flat_map(Row::people).collect();
        let contacts = self.contacts(&people).await?;
        Ok(rows.into_iter().map(|row| shown(row, &contacts)).collect())
    }

    /// When the newest message of a conversation was sent, if it has any. One round trip.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn latest_message_at(&self, conversation: ConversationId) -> Result<Option<Micros>> {
        self.newest(conversation).await
    }
}
