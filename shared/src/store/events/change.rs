//! What the streams of the tables tell: which item has changed, and for conversations, how.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::items::conversation::ConversationItem;
use crate::store::items::read_log::ReadLog;
use crate::time::Micros;
use crate::webhook::Origin;

/// A change of which a stream has told.
#[derive(Clone)]
pub struct Change {
    /// The record that told of it.
    pub origin: Origin,
    /// What has changed.
    pub changed: Changed,
}

/// What has changed.
#[derive(Clone)]
pub enum Changed {
    /// Of a message.
    Message {
        /// The message.
        id: MessageId,
        /// Whether it was sent, as opposed to changed or deleted.
        is_new: bool,
    },
    /// Of a conversation.
    Conversation(Box<ConversationChange>),
    /// Of a participant's own state: it has joined, or set whether it mutes the conversation, what it has read, ….
    Membership {
        /// The participant.
        contact: ContactId,
        /// The conversation.
        conversation: ConversationId,
        /// Whether it has joined.
        is_new: bool,
    },
}

impl Change {
    /// The conversation that has changed, or whose message has.
    #[must_use]
    pub fn conversation(&self) -> ConversationId {
        match &self.changed {
            Changed::Message { id, .. } => id.conversation(),
            Changed::Conversation(change) => change.id,
            Changed::Membership { conversation, .. } => *conversation,
        }
    }
}

/// A change of a conversation.
#[derive(Clone)]
pub struct ConversationChange {
    pub(super) id: ConversationId,
    before: Option<ConversationItem>,
    after: Option<ConversationItem>,
}

impl ConversationChange {
    /// The change from one image of an item to another; none when it is created or deleted.
    ///
    /// # Errors
    ///
    /// If the images are not those of a conversation.
    pub fn new(
        id: ConversationId,
        before: Option<serde_dynamo::Item>,
        after: Option<serde_dynamo::Item>,
    ) -> Result<Self> {
        let parse = |image: Option<serde_dynamo::Item>| image.map(serde_dynamo::from_item);
        Ok(Self {
            id,
            before: parse(before).transpose().map_err(Error::internal)?,
            after: parse(after).transpose().map_err(Error::internal)?,
        })
    }

    /// Whether it was created.
    pub(super) fn is_new(&self) -> bool {
        self.before.is_none()
    }

    /// Who has become a participant.
    pub(super) fn joined(&self) -> BTreeSet<ContactId> {
        &participants(self.after.as_ref()) - &participants(self.before.as_ref())
    }

    /// The other participants, and those who have ceased to be, if they see a difference.
    pub(super) fn affected(&self) -> BTreeSet<ContactId> {
        if self.is_visible() {
            participants(self.before.as_ref())
        } else {
            BTreeSet::new()
        }
    }

    /// Whether the conversation is displayed differently. What was read and pinned is displayed in messages.
    fn is_visible(&self) -> bool {
        let (Some(before), Some(after)) = (&self.before, &self.after) else {
            return true;
        };
        before.participants != after.participants
            || before.pending != after.pending
            || before.name != after.name
            || before.metadata != after.metadata
            || before.closed_at != after.closed_at
    }

    /// Whether the operator's webhooks get an event. They get one when the last participant leaves, and none when the
    /// conversation without participants is deleted afterwards.
    pub(super) fn concerns_operator(&self) -> bool {
        let was_empty = participants(self.before.as_ref()).is_empty();
        let is_deletion = self.after.is_none();
        self.is_visible() && !(is_deletion && was_empty)
    }

    /// What was marked as read; none if nothing was.
    pub(super) fn marks(&self, origin: Origin) -> Option<Marks<'_>> {
        let (before, after) = (self.before.as_ref()?, self.after.as_ref()?);
        let (start, last) = after.read_log.marked_since(&before.read_log)?;
        Some(Marks {
            origin,
            conversation: self.id,
            participants: &after.participants,
            first: Micros(start.0 + 1),
            last,
            before: &before.read_log,
            after: &after.read_log,
        })
    }
}

fn participants(of: Option<&ConversationItem>) -> BTreeSet<ContactId> {
    of.map(|of| of.participants.clone()).unwrap_or_default()
}

/// Messages of a conversation that were marked as read.
pub(super) struct Marks<'a> {
    /// The record that told of them.
    pub origin: Origin,
    pub conversation: ConversationId,
    /// Who sees that.
    pub participants: &'a BTreeSet<ContactId>,
    /// When the first of them can have been sent.
    pub first: Micros,
    /// When the last of them can have been sent.
    pub last: Micros,
    before: &'a ReadLog,
    after: &'a ReadLog,
}

impl Marks<'_> {
    /// Whether a message of the span may be displayed as read now, and was not before.
    pub(super) fn include(&self, author: ContactId, created_at: Micros) -> bool {
        self.after.may_be_read(author, created_at) && !self.before.is_read(author, created_at)
    }
}
