//! Creating a message: one transaction writes the message, an inbox entry per participant and the
//! idempotency record, and attaches its attachments. After it, the conversation moves to the top of each
//! participant's list. That also tells whether the author still takes part: if it was the last one and has left
//! meanwhile, the message is deleted again and not acknowledged.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use futures_util::future::join;

use crate::attachment::AttachmentIds;
use crate::audit;
use crate::caller::Caller;
use crate::contact::Profile;
use crate::error::{Error, Result, chain};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::idempotency::IdempotencyKey;
use crate::message::{Message, Text};
use crate::metadata::Metadata;
use crate::store::Store;
use crate::store::conversations::Participation;
use crate::store::displayed::Displayed;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::item::string_attr;
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::{Transaction, put_new, transact};
use crate::store::items::conversation::ConversationItem;
use crate::store::items::idempotency_record::IdempotentRequest;
use crate::store::items::message::{self, MessageItem};
use crate::time::Micros;
use crate::version::Version;

/// How long a response waits for the participants' lists: one attempt that times out, and a retry.
const MOVE_TO_TOP_TIMEOUT: Duration = Duration::from_secs(3);

/// A message to be sent: a text, attachments, or both.
#[derive(Debug)]
pub struct NewMessage {
    pub(in crate::store) text: String,
    pub(in crate::store) attachments: AttachmentIds,
    pub(in crate::store) metadata: Metadata,
    pub(in crate::store) reply_to: Option<MessageId>,
}

impl NewMessage {
    /// None if there is neither a text nor an attachment.
    #[must_use]
    pub fn new(text: Option<Text>, attachments: AttachmentIds) -> Option<Self> {
        let has_content = text.is_some() || !attachments.as_slice().is_empty();
        let text = text.map(Into::into).unwrap_or_default();
        has_content.then_some(Self {
            text,
            attachments,
            metadata: Metadata::default(),
            reply_to: None,
        })
    }

    /// The message as a reply to another one of the same conversation.
    #[must_use]
    pub fn replying_to(self, reply_to: Option<MessageId>) -> Self {
        Self { reply_to, ..self }
    }

    /// The message with this metadata.
    #[must_use]
    pub fn with_metadata(self, metadata: Metadata) -> Self {
        Self { metadata, ..self }
    }
}

impl From<Text> for NewMessage {
    fn from(text: Text) -> Self {
        Self {
            text: text.into(),
            attachments: AttachmentIds::default(),
            metadata: Metadata::default(),
            reply_to: None,
        }
    }
}

/// The result of creating a message.
#[derive(Debug)]
pub struct CreatedMessage {
    /// The message as it is now.
    pub message: Message,
    /// Whether an earlier request with the same idempotency key created it.
    pub replayed: bool,
}

enum Outcome {
    Created(Box<MessageItem>),
    /// An earlier request with the same key created this message.
    Replayed(MessageId),
}

impl Store {
    /// Creates a message after all messages of the conversation that were acknowledged before. With an
    /// idempotency key it is created once, however often the request is repeated within 24 hours.
    ///
    /// Three sequential round trips: token and conversation ‖ newest message; transaction ‖ sender;
    /// participants' lists. With attachments one more, before the transaction: whether their files are uploaded.
    ///
    /// # Errors
    ///
    /// [`Error::ConversationNotFound`]; [`Error::ConversationClosed`]; [`Error::NotAcceptingMessages`];
    /// [`Error::IdempotencyKeyReused`];
    /// [`Error::IdempotentMessageDeleted`]; [`Error::QuotedMessageNotFound`]; [`Error::AttachmentNotFound`]; [`Error::AttachmentAttached`];
    /// [`Error::AttachmentNotReady`].
    pub async fn create_message(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        message: NewMessage,
        key: Option<IdempotencyKey>,
    ) -> Result<CreatedMessage> {
        audit::set_target(conversation);
        let idempotent = key.map(|key| IdempotentRequest::new(&key, conversation, &message));
        let attachments = message.attachments.as_slice();
        let newest = self.newest_message_at(conversation);
        let recent = self.participant_cache.get(conversation);
        let batch = self.with_attachments_of(BatchGet::default(), attachments, conversation);
        let quoted = message.reply_to.into_iter().map(message::key);
        let batch = batch.keys(&self.tables.messages, quoted);
        let batch = self.with_contacts(batch, &recent);
        let read = self.load_as_participant(caller, conversation, batch, newest);
        let (mut participation, mut items, newest) = read.await?;
        let author = participation.caller;
        let known = self.take_contacts(&mut items)?.requested(&recent);
        let known = self.check_may_write(&participation, known).await?;
        let quoted = self.take_messages(&mut items)?.into_values().next();
        let check = async {
            if message.reply_to.is_some() && quoted.is_none() {
                return Err(Error::QuotedMessageNotFound);
            }
            self.files_to_attach(&mut items, attachments, author, 0)
                .await
        };
        let files = match check.await {
            Ok(files) => files,
            // An earlier request with the same key may have attached them, or sent the reply before.
            Err(error) => {
                let earlier = match &idempotent {
                    Some(request) => self.message_created_by(request, author).await?,
                    None => None,
                };
                let id = earlier.ok_or(error)?;
                return self.replayed(id, &participation).await;
            }
        };
        if participation.conversation.is_pending(author) {
            let conversation = participation.conversation;
            participation.conversation = self.accept_conversation(author, conversation).await?;
        }
        let conversation = &participation.conversation;
        let now = self.clock.now();
        // After whatever exists or has been marked as read, even if the clock of another host is ahead.
        let floor = conversation.created_at.max(conversation.read_log.end());
        let floor = newest.map_or(floor, |newest| newest.max(floor));
        let message = MessageItem {
            conversation_id: conversation.id,
            created_at: if floor < now {
                now
            } else {
                shortly_after(floor)
            },
            contact_id: author,
            key_id: caller.key(),
            message: message.text,
            metadata: message.metadata,
            reply_to: message.reply_to.map(|id| id.created_at()),
            read_at: None,
            updated_at: None,
            edited_at: None,
            edits: None,
            version: Version(1),
            is_pinned: false,
            attachments_version: None,
            reactions: BTreeMap::new(),
            attachments: files,
        };
        let mut ids = BTreeSet::from([author]);
        ids.extend(quoted.as_ref().map(|quoted| quoted.contact_id));
        let write = self.write_message(message, conversation, idempotent.as_ref());
        let profiles = self.load_missing_profiles(known, &ids);
        let (outcome, profiles) = join(write, profiles).await;
        match outcome? {
            Outcome::Created(message) => {
                // The message is stored: an error response would make the client send it again.
                let profiles = match profiles {
                    Ok(profiles) => profiles,
                    Err(_) => self.load_profiles(&ids).await?,
                };
                let displayed = Displayed::new(profiles, quoted.as_ref());
                Ok(CreatedMessage {
                    message: message.render(participation.viewer(), &displayed),
                    replayed: false,
                })
            }
            Outcome::Replayed(id) => self.replayed(id, &participation).await,
        }
    }

    /// Fails if the conversation is closed, or the other one of two has blocked the caller. Returns the profiles known
    /// then. No round trip in a group; otherwise one, or none if this instance knows the two and reads them ahead.
    pub(in crate::store) async fn check_may_write(
        &self,
        participation: &Participation,
        known: HashMap<ContactId, Profile>,
    ) -> Result<HashMap<ContactId, Profile>> {
        let conversation = &participation.conversation;
        conversation.check_is_open()?;
        let Some(two) = conversation.two_who_talk(participation.caller) else {
            return Ok(known);
        };
        let profiles = self.load_missing_profiles(known, &two).await?;
        self.participant_cache.record_page(conversation.id, &two);
        // Others are known as well: one of the two may have left, and blocked the other.
        let mut two = two.iter().filter_map(|id| profiles.get(id));
        if two.any(|profile| profile.has_blocked(participation.caller)) {
            return Err(Error::NotAcceptingMessages { username: None });
        }
        Ok(profiles)
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
        let attachments = message.attachment_ids();
        let recipients = conversation.accepted();
        let mut backoff = Backoff::default();
        loop {
            let table = &self.tables.messages;
            let mut items = vec![put_new(table, "conversation_id", &message)?];
            if let Some(request) = idempotent {
                items.push(self.idempotency_record_put(request, message.id(), author)?);
            }
            items.extend(self.inbox_puts(message.id(), &recipients)?);
            let first_attachment = items.len();
            for &id in &attachments {
                items.push(self.attach(id, message.id(), author)?);
            }
            let failed = match transact(&self.db, items).await? {
                Transaction::Committed => {
                    if !self.move_to_top(message.id(), author, conversation).await {
                        self.delete_if_closed(&message, &recipients).await?;
                    }
                    return Ok(Outcome::Created(Box::new(message)));
                }
                Transaction::ConditionsFailed(failed) => failed,
            };
            if let Some(request) = idempotent.filter(|_| failed.contains(&RECORD)) {
                if let Some(id) = self.message_created_by(request, author).await? {
                    return Ok(Outcome::Replayed(id));
                }
            } else if failed.iter().any(|&index| index >= first_attachment) {
                // Another request has sent or lost one of them.
                self.check_attachable(&attachments, author).await?;
            } else {
                message.created_at = shortly_after(message.created_at);
            }
            backoff
                .wait("every microsecond that was tried is taken")
                .await?;
        }
    }

    /// The message that an earlier request created.
    async fn replayed(
        &self,
        id: MessageId,
        participation: &Participation,
    ) -> Result<CreatedMessage> {
        let author = participation.caller;
        let message = self.load_message(id).await?;
        // If it has been deleted, a message of another contact may have its id by now.
        let message = message.filter(|message| message.contact_id == author);
        let message = message.ok_or(Error::IdempotentMessageDeleted)?;
        // The earlier request may have been interrupted before it updated the lists.
        let move_to_top = self.move_to_top(id, author, &participation.conversation);
        let render = self.render_message(message, participation);
        Ok(CreatedMessage {
            message: join(render, move_to_top).await.0?,
            replayed: true,
        })
    }

    /// Moves the conversation to the top of its participants' lists. Returns whether the author certainly takes
    /// part still, which the update of its list tells.
    async fn move_to_top(
        &self,
        id: MessageId,
        author: ContactId,
        conversation: &ConversationItem,
    ) -> bool {
        let participants = conversation.participants.iter().copied();
        let others = participants.filter(|&contact| contact != author);
        let (own, _) = join(
            log_failure(self.move_to_top_for_author(id, author)),
            log_failure(self.move_to_top_of_lists(id, others, conversation)),
        )
        .await;
        own.unwrap_or(false)
    }

    /// Deletes a message again if its conversation has been closed before it was stored: those who could read it
    /// have left. Whoever closes a conversation deletes all messages that are stored before.
    ///
    /// # Errors
    ///
    /// [`Error::ConversationNotFound`] if so.
    async fn delete_if_closed(
        &self,
        message: &MessageItem,
        recipients: &BTreeSet<ContactId>,
    ) -> Result<()> {
        match self.load_conversation(message.conversation_id).await {
            Ok(Some(conversation)) if conversation.closed_by.is_none() => return Ok(()),
            Ok(_) => (),
            Err(error) => {
                // Almost certainly the message can be read: it is acknowledged.
                tracing::warn!(
                    error = chain(&error),
                    "failed to read the conversation of a new message"
                );
                return Ok(());
            }
        }
        let author = (":author", string_attr(message.contact_id));
        let is_same = ("contact_id = :author".to_owned(), vec![author]);
        let mut items = vec![self.message_delete(message.id(), is_same)?];
        // Closing deletes all attachments of the conversation.
        items.extend(self.inbox_deletes(message.id(), recipients)?);
        self.transact(items).await?;
        Err(Error::ConversationNotFound)
    }
}

/// Waits for the update of participants' lists. Failures are logged only: the message is stored, and an error
/// response would make the client send it again. The next message, or `cargo ops doctor --repair`, moves the
/// conversation.
async fn log_failure<T>(moves: impl Future<Output = Result<T>>) -> Option<T> {
    let problem = match tokio::time::timeout(MOVE_TO_TOP_TIMEOUT, moves).await {
        Ok(Ok(result)) => return Some(result),
        Ok(Err(error)) => chain(&error),
        Err(timeout) => chain(&timeout),
    };
    tracing::warn!(
        error = problem,
        "failed to move the conversation to the top of a participant's list"
    );
    None
}

/// Up to a millisecond later, at random: concurrent sends that collide choose different microseconds, and
/// where the clock is behind, the id of a deleted message is unlikely to be used again.
fn shortly_after(moment: Micros) -> Micros {
    Micros(moment.0 + fastrand::u64(1..1000)).min(Micros::MAX)
}
