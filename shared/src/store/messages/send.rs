//! Sending: one transaction that writes the message and an inbox entry for each participant, and
//! beside it the moves that bring the conversation to the top of their lists.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join, join3};

use super::{Row, shown};
use crate::caller::Caller;
use crate::error::{Error, Result, chain};
use crate::id::ConversationId;
use crate::message::{Message, Text};
use crate::store::conversations::visible;
use crate::store::failure::Backoff;
use crate::store::write::put;
use crate::store::{Store, conversations};
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
            self.conversation_row(conversation),
            self.newest(conversation),
        );
        let (contact, conversation, newest) = reads.await;
        let author = contact?;
        let now = self.clock.now();
        let conversation = visible(conversation?, author).ok_or(Error::ConversationNotFound {
            param: "conversation_id",
        })?;
        // Behind whatever is there, though another host's clock may be ahead.
        let floor = newest?.map_or(conversation.created_at, |newest| {
            newest.max(conversation.created_at)
        });
        let row = Row {
            conversation_id: conversation.id,
            created_at: if floor < now {
                now
            } else {
                a_little_after(floor)
            },
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

    /// Writes a new message and its inbox entries in one transaction; a taken microsecond is tried again later.
    async fn keep(&self, mut row: Row, conversation: &conversations::Row) -> Result<Row> {
        let mut backoff = Backoff::default();
        loop {
            let put = put(&self.tables.messages, "conversation_id", &row)?;
            let puts = self.puts(row.id(), &conversation.participants)?;
            let items = [put].into_iter().chain(puts).collect();
            let rise = self.move_up(row.id(), row.contact_id, &conversation.participants);
            let (failed, risen) = join(self.transact(items), rise).await;
            if failed?.is_empty() {
                if let Err(error) = risen {
                    // It is kept: an answer that says otherwise would have it sent again.
                    tracing::warn!(error = chain(&error), "a list shows a conversation too low");
                }
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
