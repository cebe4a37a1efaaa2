//! The table of idempotency records: which message was created under a key.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::{ContactId, ConversationId, MessageId};
use crate::idempotency::IdempotencyKey;
use crate::store::dynamodb::item::{Item, string_attr};
use crate::store::messages::NewMessage;
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
    pub fn new(key: &IdempotencyKey, conversation: ConversationId, message: &NewMessage) -> Self {
        // These bytes occur in no UTF-8 text.
        const ATTACHMENTS: [u8; 1] = [0xFF];
        const METADATA: [u8; 1] = [0xFE];
        const END: [u8; 1] = [0xFD];
        const REPLY_TO: [u8; 1] = [0xFC];
        let attachments = message.attachments.as_slice();
        let mut hash = Sha256::new();
        // Ids have a fixed length, so no other content hashes the same bytes.
        hash.update(conversation.to_string());
        hash.update(&message.text);
        if !attachments.is_empty() {
            hash.update(ATTACHMENTS);
        }
        for id in attachments {
            hash.update(id.to_string());
        }
        for (key, value) in message.metadata.iter() {
            hash.update(METADATA);
            hash.update(key);
            hash.update(END);
            hash.update(value);
        }
        if let Some(id) = message.reply_to {
            hash.update(REPLY_TO);
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
