//! What was sent under an idempotency key: written with the message, in the same transaction.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Item, Store, n, read, s, written};
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::idempotency::IdempotencyKey;
use crate::message::Text;
use crate::time::Seconds;

/// How long a key is remembered, in seconds: a day.
const VALID_FOR: u64 = 24 * 60 * 60;

#[derive(Deserialize, Serialize)]
struct Row {
    contact_id: ContactId,
    key: String,
    message_id: MessageId,
    fingerprint: String,
    /// Seconds, as the table's TTL wants them.
    expires_at: Seconds,
}

/// A send under a key: the same again is the same message.
pub(super) struct Once {
    key: String,
    fingerprint: String,
}

impl Once {
    /// The send of this text to this conversation under a key, however it was encoded.
    pub(super) fn of(key: &IdempotencyKey, conversation: ConversationId, text: &Text) -> Self {
        let mut hash = Sha256::new();
        // The id has a fixed length, so nothing else has the same bytes.
        hash.update(conversation.to_string());
        hash.update(text.as_str());
        Self {
            key: key.to_string(),
            fingerprint: base16ct::lower::encode_string(&hash.finalize()),
        }
    }
}

impl Store {
    /// The part of a send that writes its key down, if that is new or has been forgotten.
    pub(super) fn remember(
        &self,
        once: &Once,
        message: MessageId,
        author: ContactId,
    ) -> Result<TransactWriteItem> {
        // TTL deletes days late, so the clock decides.
        let now = Seconds::from(self.clock.now());
        let row = Row {
            contact_id: author,
            key: once.key.clone(),
            message_id: message,
            fingerprint: once.fingerprint.clone(),
            // A second more: now has been cut to a whole one.
            expires_at: Seconds(now.0 + VALID_FOR + 1),
        };
        let put = Put::builder()
            .table_name(&self.tables.idempotency)
            .set_item(Some(written(&row)?))
            .condition_expression("attribute_not_exists(contact_id) OR expires_at <= :now")
            .expression_attribute_values(":now", n(now.0));
        let put = put.build().map_err(Error::internal)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Which message was sent under a key; none if that has been forgotten. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::IdempotencyKeyReused`] if it was another.
    pub(super) async fn sent_under(
        &self,
        once: &Once,
        author: ContactId,
    ) -> Result<Option<MessageId>> {
        let key = Item::from([
            ("contact_id".to_owned(), s(author)),
            ("key".to_owned(), s(&once.key)),
        ]);
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.idempotency)
            .set_key(Some(key));
        let item = get.consistent_read(true).send().await?.item;
        let row: Option<Row> = item.map(read).transpose()?;
        let now = self.clock.now().into();
        match row.filter(|row| row.expires_at > now) {
            Some(row) if row.fingerprint != once.fingerprint => Err(Error::IdempotencyKeyReused),
            row => Ok(row.map(|row| row.message_id)),
        }
    }

    /// All keys of a contact, for operators.
    pub(super) async fn keys_of(&self, contact: ContactId) -> Result<Vec<Item>> {
        let keys = self
            .db
            .query()
            .table_name(&self.tables.idempotency)
            .consistent_read(true)
            .key_condition_expression("contact_id = :contact")
            .expression_attribute_values(":contact", s(contact))
            .projection_expression("contact_id, #key")
            .expression_attribute_names("#key", "key");
        super::query(keys, i32::MAX as usize).await
    }

    /// Forgets all keys of a contact, for operators; how many there were.
    pub(super) async fn forget_keys(&self, contact: ContactId) -> Result<usize> {
        let keys = self.keys_of(contact).await?;
        let count = keys.len();
        let table = self.tables.idempotency.as_str();
        let keys = keys.into_iter().map(|key| (table, key)).collect();
        self.delete_all(keys).await?;
        Ok(count)
    }
}
