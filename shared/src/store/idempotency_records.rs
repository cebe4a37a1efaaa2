//! Idempotency records, which are written in the transaction that creates a message.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};

use super::Store;
use super::dynamodb::item::{from_item, number_attr, to_item};
use super::items::idempotency_record::{IdempotencyRecord, IdempotentRequest, key};
use crate::error::{Error, Result};
use crate::id::{ContactId, MessageId};
use crate::idempotency::VALID_FOR;
use crate::time::Seconds;

impl Store {
    /// Writes the record of a request; the condition is that the key is new or has expired.
    pub(super) fn idempotency_record_put(
        &self,
        request: &IdempotentRequest,
        message: MessageId,
        author: ContactId,
    ) -> Result<TransactWriteItem> {
        // TTL deletes days late, so expiry is checked here as well.
        let now = Seconds::from(self.clock.now());
        let record = IdempotencyRecord {
            contact_id: author,
            key: request.key.clone(),
            message_id: message,
            fingerprint: request.fingerprint.clone(),
            // One second more, because `now` has been rounded down.
            expires_at: Seconds(now.0 + VALID_FOR.as_secs() + 1),
        };
        let put = Put::builder()
            .table_name(&self.tables.idempotency)
            .set_item(Some(to_item(&record)?))
            .condition_expression("attribute_not_exists(contact_id) OR expires_at <= :now")
            .expression_attribute_values(":now", number_attr(now.0));
        let put = put.build().map_err(Error::internal)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The message that an earlier request with the same key created; none if the record has expired. One
    /// round trip.
    ///
    /// # Errors
    ///
    /// [`Error::IdempotencyKeyReused`] if the earlier request had another fingerprint.
    pub(super) async fn message_created_by(
        &self,
        request: &IdempotentRequest,
        author: ContactId,
    ) -> Result<Option<MessageId>> {
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.idempotency)
            .set_key(Some(key(author, &request.key)));
        let item = get.consistent_read(true).send().await?.item;
        let record: Option<IdempotencyRecord> = item.map(from_item).transpose()?;
        let now = self.clock.now().into();
        match record.filter(|record| record.expires_at > now) {
            Some(record) if record.fingerprint != request.fingerprint => {
                Err(Error::IdempotencyKeyReused)
            }
            record => Ok(record.map(|record| record.message_id)),
        }
    }
}
