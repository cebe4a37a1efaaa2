//! Sending: one transaction that writes the message and an inbox entry for each participant, and
//! after it the moves that bring the conversation to the top of their lists.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join;

use super::{Row, key, shown};
use crate::caller::Caller;
use crate::error::{Error, Result, chain};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::idempotency::IdempotencyKey;
use crate::message::{Message, Text};
use crate::store::batch::Batch;
use crate::store::conversations::visible;
use crate::store::failure::Backoff;
use crate::store::idempotency::Once;
use crate::store::write::put;
use crate::store::{Store, conversations};
use crate::time::Micros;
use crate::version::Version;

/// How long the answer to a send waits for the participants' lists: for an attempt that hangs and another.
const MOVES_TIMEOUT: Duration = Duration::from_secs(3);

/// What came of a send.
#[derive(Debug)]
pub struct Sent {
    /// The message that is there now.
    pub message: Message,
    /// Whether it was sent before, under the same idempotency key.
    pub replayed: bool,
}

/// What was written.
enum Kept {
    New(Row),
    /// Nothing: this message was sent under the key before.
    Before(MessageId),
}

impl Store {
    /// Sends `text` to a conversation, behind every message acknowledged there before; under a key once,
    /// however often it is asked for within a day.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::ConversationNotFound`], also for those who do not take part;
    /// [`Error::IdempotencyKeyReused`]; [`Error::SentAndDeleted`].
    pub async fn send(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        text: Text,
        key: Option<IdempotencyKey>,
    ) -> Result<Sent> {
        let once = key.map(|key| Once::of(&key, conversation, &text));
        let reads = join(
            self.caller_and_row(caller, conversation),
            self.newest(conversation),
        );
        let (read, newest) = reads.await;
        let (author, conversation) = read?;
        let now = self.clock.now();
        let conversation = visible(conversation, author).ok_or(Error::ConversationNotFound {
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
            version: Version(1),
            reactions: BTreeMap::new(),
        };
        let ids = BTreeSet::from([author]);
        let writes = self.keep(row, &conversation, once.as_ref());
        let (kept, contacts) = join(writes, self.contacts(&ids)).await;
        match kept? {
            Kept::New(row) => {
                // It is kept: an answer that says otherwise would have it sent again.
                let contacts = match contacts {
                    Ok(contacts) => contacts,
                    Err(_) => self.contacts(&ids).await?,
                };
                Ok(Sent {
                    message: shown(row, &contacts),
                    replayed: false,
                })
            }
            Kept::Before(id) => Ok(Sent {
                message: self.sent_before(id, author, &conversation).await?,
                replayed: true,
            }),
        }
    }

    /// Writes a new message, its inbox entries and its key in one transaction; a taken microsecond is
    /// tried again later.
    async fn keep(
        &self,
        mut row: Row,
        conversation: &conversations::Row,
        once: Option<&Once>,
    ) -> Result<Kept> {
        let mut backoff = Backoff::default();
        loop {
            let mut items = vec![put(&self.tables.messages, "conversation_id", &row)?];
            if let Some(once) = once {
                items.push(self.remember(once, row.id(), row.contact_id)?);
            }
            items.extend(self.puts(row.id(), &conversation.participants)?);
            let failed = self.transact(items).await?;
            if failed.is_empty() {
                self.rise(row.id(), row.contact_id, conversation).await;
                return Ok(Kept::New(row));
            }
            if let Some(once) = once.filter(|_| failed.contains(&1)) {
                if let Some(id) = self.sent_under(once, row.contact_id).await? {
                    return Ok(Kept::Before(id));
                }
            } else {
                row.created_at = a_little_after(row.created_at);
            }
            backoff
                .wait("every microsecond that was tried is taken")
                .await?;
        }
    }

    /// The message that was sent under a key, if it is still there.
    async fn sent_before(
        &self,
        id: MessageId,
        author: ContactId,
        conversation: &conversations::Row,
    ) -> Result<Message> {
        let batch = Batch::default().with(&self.tables.messages, [key(id)]);
        let mut found = batch.get(&self.db).await?;
        let row = self.take_messages(&mut found)?.remove(&id);
        // Of a message that has been deleted, the id may in the end be another's.
        let row = row.filter(|row| row.contact_id == author);
        let row = row.ok_or(Error::SentAndDeleted)?;
        // Whoever sent it first may have been cut off before the lists were moved.
        let rise = self.rise(id, author, conversation);
        join(self.show_one(row), rise).await.0
    }

    /// Moves the conversation up in the lists of its participants, as far as that can be done soon.
    ///
    /// That it cannot is for the log: the message is kept, and an answer that says otherwise would have it
    /// sent again.
    async fn rise(&self, id: MessageId, author: ContactId, conversation: &conversations::Row) {
        let moves = self.move_up(id, author, &conversation.participants);
        let problem = match tokio::time::timeout(MOVES_TIMEOUT, moves).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => chain(&error),
            Err(late) => chain(&late),
        };
        tracing::warn!(error = problem, "a list shows a conversation too low");
    }
}

/// Up to a millisecond later, by chance: those who meet at one microsecond part, and where the clock
/// is behind, the id of a message that has been deleted is hardly ever given to the next one.
fn a_little_after(moment: Micros) -> Micros {
    Micros(moment.0 + fastrand::u64(1..1000)).min(Micros::MAX)
}
