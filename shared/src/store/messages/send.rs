//! Sending: one transaction that writes the message and an inbox entry for each participant.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join, join3};
use serde::Deserialize;

use super::{Row, shown, visible};
use crate::caller::Caller;
use crate::conversation::Conversation;
use crate::error::{Error, Result};
use crate::id::ConversationId;
use crate::message::{Message, Text};
use crate::store::failure::Backoff;
use crate::store::write::put;
use crate::store::{Store, query, read, s};
use crate::time::Micros;

impl Store {
    /// Sends `text` to a conversation, behind every message acknowledged there before.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::ConversationNotFound`], also for those who do not take part.
    pub async fn send(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        text: Text,
    ) -> Result<Message> {
        let reads = join3(
            self.authenticate(caller),
            self.conversation(conversation),
            self.newest(conversation),
        );
        let (contact, conversation, newest) = reads.await;
        let author = contact?;
        let now = self.clock.now();
        let conversation = visible(conversation?, author).ok_or(Error::ConversationNotFound)?;
        let row = Row {
            conversation_id: conversation.id,
            created_at: newest?.map_or(now, |newest| {
                if newest < now {
                    now
                } else {
                    a_little_after(newest)
                }
            }),
            contact_id: author,
            message: text.into(),
            read_at: None,
            updated_at: None,
            version: 1,
            reactions: BTreeMap::new(),
        };
        let ids = BTreeSet::from([author]);
        let (row, contacts) = join(self.keep(row, &conversation), self.contacts(&ids)).await;
        let row = row?;
        // It is kept: an answer that says otherwise would have it sent again.
        let contacts = match contacts {
            Ok(contacts) => contacts,
            Err(_) => self.contacts(&ids).await?,
        };
        Ok(shown(row, &contacts))
    }

    /// When the newest message of a conversation was sent.
    async fn newest(&self, conversation: ConversationId) -> Result<Option<Micros>> {
        #[derive(Deserialize)]
        struct Key {
            created_at: Micros,
        }
        let newest = self
            .db
            .query()
            .table_name(&self.tables.messages)
            .consistent_read(true)
            .key_condition_expression("conversation_id = :conversation")
            .expression_attribute_values(":conversation", s(conversation))
            .projection_expression("created_at")
            .scan_index_forward(false);
        let newest = query(newest, 1).await?.pop();
        Ok(newest
            .map(read::<Key>)
            .transpose()?
            .map(|key| key.created_at))
    }

    /// Writes a new message and its inbox entries in one transaction; a taken microsecond is tried again later.
    async fn keep(&self, mut row: Row, conversation: &Conversation) -> Result<Row> {
        let mut backoff = Backoff::default();
        loop {
            let put = put(&self.tables.messages, "conversation_id", &row)?;
            let puts = self.puts(row.id(), &conversation.participants)?;
            if self
                .transact([put].into_iter().chain(puts).collect())
                .await?
            {
                return Ok(row);
            }
            row.created_at = a_little_after(row.created_at);
            backoff
                .wait("every microsecond that was tried is taken")
                .await?;
        }
    }
}

/// Up to a millisecond later, by chance: those who meet at one microsecond part, and where the clock
/// is behind, the id of a message that has been deleted is not given to the next one.
fn a_little_after(moment: Micros) -> Micros {
    Micros(moment.0 + fastrand::u64(1..1000)).min(Micros::MAX)
}
