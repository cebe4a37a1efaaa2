//! Sending: one transaction that writes the message and an inbox entry for each participant.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use futures_util::future::{join, join3};
use serde::Deserialize;

use super::{Row, shown, visible};
use crate::conversation::Conversation;
use crate::error::{Error, Result};
use crate::http::Caller;
use crate::id::ConversationId;
use crate::message::{Message, Text};
use crate::store::failure::Backoff;
use crate::store::{Store, query, read, s, written};
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
        let conversation = visible(conversation, author)?;
        let row = Row {
            conversation_id: conversation.id,
            created_at: newest?.map_or(self.clock.now(), |newest| {
                newest.next().max(self.clock.now())
            }),
            contact_id: author,
            message: text,
            read_at: None,
            updated_at: None,
            version: 1,
            reactions: BTreeMap::new(),
        };
        let ids = BTreeSet::from([author]);
        let (row, contacts) = join(self.keep(row, &conversation), self.contacts(&ids)).await;
        Ok(shown(row?, &contacts?))
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
            let put = Put::builder()
                .table_name(&self.tables.messages)
                .set_item(Some(written(&row)?));
            let put = put
                .condition_expression("attribute_not_exists(conversation_id)")
                .build();
            let put = TransactWriteItem::builder()
                .put(put.map_err(Error::internal)?)
                .build();
            let puts = self.puts(row.id(), &conversation.participants)?;
            let items = [put].into_iter().chain(puts).collect();
            match self.transact(items).await? {
                Ok(()) => return Ok(row),
                // Who else is at this microsecond steps aside as well, so the steps differ.
                Err(cancelled) if cancelled.first().is_some() => {
                    row.created_at = Micros(row.created_at.0 + fastrand::u64(0..100)).next();
                    backoff.wait(cancelled).await?;
                }
                Err(cancelled) => return Err(Error::internal(cancelled)),
            }
        }
    }
}
