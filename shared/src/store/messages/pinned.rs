//! The pinned messages of a conversation. Each is marked itself, and the conversation lists them all: one transaction
//! writes both.

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::filter::Candidates;
use crate::error::Result;
use crate::id::{ContactId, MessageId};
use crate::message::MAX_PINNED;
use crate::page::{Direction, Window};
use crate::store::Store;
use crate::store::dynamodb::item::{number_attr, number_set_attr, string_attr};
use crate::store::dynamodb::update::Update;
use crate::store::items::conversation::{self, ConversationItem};

impl Store {
    /// Adds a message to the list of its conversation. The conditions: the caller is a participant, and the list is
    /// not full.
    pub(super) fn pin_in_conversation(
        &self,
        id: MessageId,
        caller: ContactId,
    ) -> Result<TransactWriteItem> {
        let condition = "contains(participants, :caller) \
             AND (attribute_not_exists(pinned_messages) OR size(pinned_messages) < :max)";
        let max = u64::try_from(MAX_PINNED).unwrap_or(u64::MAX);
        Update::new(
            &self.tables.conversations,
            conversation::key(id.conversation()),
            "ADD pinned_messages :message",
            condition,
        )
        .value(":message", number_set_attr([id.created_at().0]))
        .value(":caller", string_attr(caller))
        .value(":max", number_attr(max))
        .into_transaction_item()
    }

    /// Removes a message from the list of its conversation. The condition: the conversation exists.
    pub(in crate::store) fn unpin_in_conversation(
        &self,
        id: MessageId,
    ) -> Result<TransactWriteItem> {
        Update::new(
            &self.tables.conversations,
            conversation::key(id.conversation()),
            "DELETE pinned_messages :message",
            "attribute_exists(id)",
        )
        .value(":message", number_set_attr([id.created_at().0]))
        .into_transaction_item()
    }
}

/// The pinned messages of a conversation in a window.
pub(super) fn pinned_in(conversation: &ConversationItem, window: &Window) -> Candidates {
    let moments = window.moments();
    let pinned = moments.map(|(first, last)| conversation.pinned_messages.range(first..=last));
    let pinned = pinned.into_iter().flatten();
    let id = |&created_at| MessageId::new(created_at, conversation.id);
    let mut ids: Vec<_> = pinned.map(id).collect();
    if window.direction() == Direction::Older {
        ids.reverse();
    }
    Candidates::first_of(ids, window.limit)
}
