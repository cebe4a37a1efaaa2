//! The table of attachments: `conversation_id` and `created_at` are the key.
//!
//! An attachment is pending until it is sent, and expires. After a removal, a tombstone can have its key: only an
//! expiration, which removes the file once more, in case its upload was still possible.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::attachment::{Attachment, FileUrl};
use crate::error::Result;
use crate::id::{AttachmentId, ContactId, ConversationId, MessageId};
use crate::store::Store;
use crate::store::dynamodb::batch::{BatchGet, BatchItems};
use crate::store::dynamodb::item::{Item, from_item, number_attr, string_attr};
use crate::time::{Micros, Seconds};

/// How long an attachment can be sent.
pub const PENDING_FOR: Duration = Duration::from_hours(24);

#[derive(Clone, Deserialize, Serialize)]
pub struct AttachmentItem {
    pub conversation_id: ConversationId,
    pub created_at: Micros,
    /// The contact that uploads it.
    pub contact_id: ContactId,
    pub filename: String,
    pub file_type: String,
    pub file_size: u64,
    /// The message that it was sent with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// Until it is sent. In seconds, as TTL requires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Seconds>,
}

#[derive(Serialize)]
pub struct Tombstone {
    pub conversation_id: ConversationId,
    pub created_at: Micros,
    pub expires_at: Seconds,
}

impl AttachmentItem {
    /// None for a tombstone.
    pub fn from_item(item: Item) -> Result<Option<Self>> {
        let is_attachment = item.contains_key("contact_id");
        is_attachment.then(|| from_item(item)).transpose()
    }

    pub fn id(&self) -> AttachmentId {
        AttachmentId::new(self.created_at, self.conversation_id)
    }

    /// Whether a participant of the conversation sees it: everyone once it is sent, before that who uploads it.
    pub fn is_visible_to(&self, participant: ContactId, now: Micros) -> bool {
        self.message_id.is_some() || self.is_pending_of(participant, now)
    }

    /// Whether the contact can send it. TTL deletes days late, so expiry is checked here as well.
    pub fn is_pending_of(&self, contact: ContactId, now: Micros) -> bool {
        let is_valid = self.expires_at.is_some_and(|end| end > now.into());
        self.message_id.is_none() && self.contact_id == contact && is_valid
    }

    pub fn render(self) -> Attachment {
        let id = self.id();
        Attachment {
            id,
            message_id: self.message_id,
            filename: self.filename,
            file_url: FileUrl(id),
            file_type: self.file_type,
            file_size: self.file_size,
            created_at: self.created_at.into(),
        }
    }
}

pub fn key(id: AttachmentId) -> Item {
    Item::from([
        ("conversation_id".to_owned(), string_attr(id.conversation())),
        ("created_at".to_owned(), number_attr(id.created_at().0)),
    ])
}

impl Store {
    /// Adds attachments to a batch.
    pub(in crate::store) fn with_attachments<'a>(
        &self,
        batch: BatchGet,
        ids: impl IntoIterator<Item = &'a AttachmentId>,
    ) -> BatchGet {
        let keys = ids.into_iter().map(|&id| key(id));
        batch.keys(&self.tables.attachments, keys)
    }

    pub(in crate::store) fn take_attachments(
        &self,
        items: &mut BatchItems,
    ) -> Result<HashMap<AttachmentId, AttachmentItem>> {
        let mut found = HashMap::new();
        for item in items.take_items(&self.tables.attachments) {
            if let Some(attachment) = AttachmentItem::from_item(item)? {
                found.insert(attachment.id(), attachment);
            }
        }
        Ok(found)
    }
}
