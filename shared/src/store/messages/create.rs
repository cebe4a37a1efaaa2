//! Creating a message: one transaction writes the message, an inbox entry per participant and the
//! idempotency record. After it, the conversation moves to the top of each participant's list.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join;

use crate::caller::Caller;
use crate::error::{Error, Result, chain};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::idempotency::IdempotencyKey;
use crate::message::{Message, Text};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::{Transaction, put_new};
use crate::store::items::conversation::{ConversationItem, visible_to};
use crate::store::items::idempotency_record::IdempotentRequest;
use crate::store::items::message::{self, MessageItem};
use crate::time::Micros;
use crate::version::Version;

/// How long a response waits for the participants' lists: one attempt that times out, and a retry.
const MOVE_TO_TOP_TIMEOUT: Duration = Duration::from_secs(3);

/// The result of creating a message.
#[derive(Debug)]
pub struct CreatedMessage {
    /// The message as it is now.
    pub message: Message,
    /// Whether an earlier request with the same idempotency key created it.
    pub replayed: bool,
}

enum Outcome {
    Created(MessageItem),
    /// An earlier request with the same key created this message.
    Replayed(MessageId),
}

impl Store {
    /// Creates a message after all messages of the conversation that were acknowledged before. With an
    /// idempotency key it is created once, however often the request is repeated within 24 hours.
    ///
    /// Three sequential round trips: token and conversation ‖ newest message; transaction ‖ sender;
    /// participants' lists.
    ///
    /// # Errors
    ///
    /// [`Error::ConversationNotFound`]; [`Error::IdempotencyKeyReused`];
    /// [`Error::IdempotentMessageDeleted`].
    pub async fn create_message(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        text: Text,
        key: Option<IdempotencyKey>,
    ) -> Result<CreatedMessage> {
        let idempotent = key.map(|key| IdempotentRequest::new(&key, conversation, &text));
        let reads = join(
            self.load_caller_and_conversation(caller, conversation),
            self.newest_message_at(conversation),
        );
        let (read, newest) = reads.await;
        let (author, conversation) = read?;
        let now = self.clock.now();
        let conversation = visible_to(author, conversation).ok_or(Error::ConversationNotFound)?;
        // After whatever exists, even if the clock of another host is ahead.
        let floor = newest?.map_or(conversation.created_at, |newest| {
            newest.max(conversation.created_at)
        });
        let message = MessageItem {
            conversation_id: conversation.id,
            created_at: if floor < now {
                now
            } else {
                shortly_after(floor)
            },
            contact_id: author,
            message: text.into(),
            read_at: None,
            updated_at: None,
            version: Version(1),
            reactions: BTreeMap::new(),
        };
        let ids = BTreeSet::from([author]);
        let write = self.write_message(message, &conversation, idempotent.as_ref());
        let (outcome, contacts) = join(write, self.load_contacts(&ids)).await;
        match outcome? {
            Outcome::Created(message) => {
                // The message is stored: an error response would make the client send it again.
                let contacts = match contacts {
                    Ok(contacts) => contacts,
                    Err(_) => self.load_contacts(&ids).await?,
                };
                Ok(CreatedMessage {
                    message: message.render(&contacts),
                    replayed: false,
                })
            }
            Outcome::Replayed(id) => Ok(CreatedMessage {
                message: self.replay(id, author, &conversation).await?,
                replayed: true,
            }),
        }
    }

    /// Writes the transaction. If the microsecond is taken, retries with a later one.
    async fn write_message(
        &self,
        mut message: MessageItem,
        conversation: &ConversationItem,
        idempotent: Option<&IdempotentRequest>,
    ) -> Result<Outcome> {
        const RECORD: usize = 1;
        let author = message.contact_id;
        let mut backoff = Backoff::default();
        loop {
            let table = &self.tables.messages;
            let mut items = vec![put_new(table, "conversation_id", &message)?];
            if let Some(request) = idempotent {
                items.push(self.idempotency_record_put(request, message.id(), author)?);
            }
            items.extend(self.inbox_puts(message.id(), &conversation.participants)?);
            let failed = match self.transact_or_failed_conditions(items).await? {
                Transaction::Committed => {
                    self.move_to_top(message.id(), author, conversation).await;
                    return Ok(Outcome::Created(message));
                }
                Transaction::ConditionsFailed(failed) => failed,
            };
            if let Some(request) = idempotent.filter(|_| failed.contains(&RECORD)) {
                if let Some(id) = self.message_created_by(request, author).await? {
                    return Ok(Outcome::Replayed(id));
                }
            } else {
                message.created_at = shortly_after(message.created_at);
            }
            backoff
                .wait("every microsecond that was tried is taken")
                .await?;
        }
    }

    /// The message that an earlier request created.
    async fn replay(
        &self,
        id: MessageId,
        author: ContactId,
        conversation: &ConversationItem,
    ) -> Result<Message> {
        let batch = BatchGet::default().keys(&self.tables.messages, [message::key(id)]);
        let mut items = batch.send(&self.db).await?;
        let message = self.take_messages(&mut items)?.remove(&id);
        // If it has been deleted, a message of another contact may have its id by now.
        let message = message.filter(|message| message.contact_id == author);
        let message = message.ok_or(Error::IdempotentMessageDeleted)?;
        // The earlier request may have been interrupted before it updated the lists.
        let move_to_top = self.move_to_top(id, author, conversation);
        join(self.render_message(message), move_to_top).await.0
    }

    /// Moves the conversation to the top of its participants' lists.
    ///
    /// A failure is logged only: the message is stored, and an error response would make the client send
    /// it again. The next message, or `cargo ops doctor --repair`, moves the conversation.
    async fn move_to_top(&self, id: MessageId, author: ContactId, conversation: &ConversationItem) {
        let moves = self.move_to_top_of_lists(id, author, &conversation.participants);
        let problem = match tokio::time::timeout(MOVE_TO_TOP_TIMEOUT, moves).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => chain(&error),
            Err(timeout) => chain(&timeout),
        };
        tracing::warn!(
            error = problem,
            "failed to move the conversation to the top of a participant's list"
        );
    }
}

/// Up to a millisecond later, at random: concurrent sends that collide choose different microseconds, and
/// where the clock is behind, the id of a deleted message is unlikely to be used again.
fn shortly_after(moment: Micros) -> Micros {
    Micros(moment.0 + fastrand::u64(1..1000)).min(Micros::MAX)
}
