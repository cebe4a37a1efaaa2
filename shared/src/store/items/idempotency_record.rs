//! The table of idempotency records: which message was created under a key.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::{AttachmentId, ContactId, ConversationId, MessageId};
use crate::idempotency::IdempotencyKey;
use crate::store::dynamodb::item::{Item, string_attr};
use crate::time::Seconds;

#[derive(Deserialize, Serialize)]
pub struct IdempotencyRecord {
    pub contact_id: ContactId,
    pub key: String,
    pub message_id: MessageId,
    pub fingerprint: String,
    /// In seconds, as TTL requires.
    pub expires_at: Seconds,
}

/// A request under a key: a repeat has the same key and the same fingerprint.
pub struct IdempotentRequest {
    pub key: String,
    pub fingerprint: String,
}

impl IdempotentRequest {
    /// The fingerprint covers the content, not how it was encoded.
    pub fn new(
        key: &IdempotencyKey,
        conversation: ConversationId,
        text: &str,
        attachments: &[AttachmentId],
    ) -> Self {
        /// Occurs in no UTF-8 text.
        const SEPARATOR: [u8; 1] = [0xFF];
        let mut hash = Sha256::new();
        // Ids have a fixed length, so no other content hashes the same bytes.
        hash.update(conversation.to_string());
        hash.update(text);
        if !attachments.is_empty() {
            hash.update(SEPARATOR);
        }
        for id in attachments {
            hash.update(id.to_string());
        }
        Self {
            key: key.to_string(),
            fingerprint: base16ct::lower::encode_string(&hash.finalize()),
        }
    }
}

pub fn key(contact: ContactId, key: &str) -> Item {
    Item::from([
        ("contact_id".to_owned(), string_attr(contact)),
        ("key".to_owned(), string_attr(key)),
    ])
}
