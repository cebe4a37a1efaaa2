//! Deliveries: an event for a webhook, until it has been posted, and what is posted.

use std::collections::BTreeSet;
use std::fmt;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::{Deserialize, Serialize, Serializer, ser};
use sha2::{Digest, Sha256};

use crate::base62::{self, ALPHABET};
use crate::contact::ExternalId;
use crate::event::{Event, EventType};
use crate::id::{ContactId, ConversationId, MessageId, WebhookId};
use crate::time::Seconds;

/// A delivery, as the owner of the webhook sees it.
#[derive(Debug, Serialize)]
pub struct Delivery {
    /// Its id, which receivers get as `webhook-id`.
    pub id: DeliveryId,
    /// The type of its event when the change was made. What is posted depends on what there is then.
    pub r#type: EventType,
    /// The message, in an event of a message.
    pub message_id: Option<MessageId>,
    /// The conversation, or that of the message.
    pub conversation_id: Option<ConversationId>,
    /// What has come of it.
    pub status: DeliveryStatus,
    /// How many attempts have begun.
    pub attempts: usize,
    /// The status of the response to the last attempt that has ended.
    pub last_status: Option<u16>,
    /// The reason why there was no response to it.
    pub last_error: Option<String>,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Seconds>,
    /// When the change was made.
    pub created_at: Seconds,
}

/// What has come of a delivery.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum DeliveryStatus {
    /// Another attempt follows.
    Waiting,
    /// The receiver has accepted it.
    Delivered,
    /// No attempt follows.
    Failed,
}

/// The text is not a [`DeliveryStatus`].
#[derive(Debug, thiserror::Error)]
#[error("must be waiting, delivered or failed")]
pub struct InvalidDeliveryStatus;

impl From<DeliveryStatus> for &'static str {
    fn from(status: DeliveryStatus) -> Self {
        match status {
            DeliveryStatus::Waiting => "waiting",
            DeliveryStatus::Delivered => "delivered",
            DeliveryStatus::Failed => "failed",
        }
    }
}

impl TryFrom<String> for DeliveryStatus {
    type Error = InvalidDeliveryStatus;

    fn try_from(text: String) -> Result<Self, InvalidDeliveryStatus> {
        match &*text {
            "waiting" => Ok(Self::Waiting),
            "delivered" => Ok(Self::Delivered),
            "failed" => Ok(Self::Failed),
            _ => Err(InvalidDeliveryStatus),
        }
    }
}

/// Which record of a stream has told of a change. It is the same however often the record is handled.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// When the change was made.
    pub changed_at: Seconds,
    hash: u64,
}

impl Origin {
    /// The record with this sequence number.
    #[must_use]
    pub fn new(changed_at: Seconds, sequence_number: &str) -> Self {
        Self {
            changed_at,
            hash: hash(&[sequence_number]),
        }
    }
}

/// The id of a delivery, which receivers get as `webhook-id`: 17 characters of `0-9A-Za-z`. Ids sort by the time of the
/// change.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String")]
pub struct DeliveryId(String);

/// The widths of the parts of an id.
const MOMENT: usize = 6;
const HASH: usize = 11;

/// The text is not a [`DeliveryId`].
#[derive(Debug, thiserror::Error)]
#[error("must be the id of a delivery: {} characters of 0-9A-Za-z", MOMENT + HASH)]
pub struct InvalidDeliveryId;

impl DeliveryId {
    /// The id for what a record has told a webhook of a message or a conversation.
    #[must_use]
    pub fn new(webhook: WebhookId, origin: Origin, target: &str) -> Self {
        let hash = hash(&[&webhook.to_string(), &origin.hash.to_string(), target]);
        Self::from_parts(origin.changed_at, hash)
    }

    /// The id of a test: the same for all tests of a webhook in this minute.
    #[must_use]
    pub fn of_test(webhook: WebhookId, now: Seconds) -> Self {
        let minute = Seconds(now.0 - now.0 % 60);
        Self::from_parts(minute, hash(&[&webhook.to_string(), "test"]))
    }

    fn from_parts(moment: Seconds, hash: u64) -> Self {
        let moment = base62::encode::<MOMENT>(moment.0);
        Self(format!("{moment}{}", base62::encode::<HASH>(hash)))
    }

    /// One of the numbers less than `count`, with all of them equally often.
    #[must_use]
    pub fn shard(&self, count: u64) -> u64 {
        hash(&[&self.0]) % count
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DeliveryId {
    type Error = InvalidDeliveryId;

    fn try_from(text: String) -> Result<Self, InvalidDeliveryId> {
        let is_id =
            text.len() == MOMENT + HASH && text.bytes().all(|byte| ALPHABET.contains(&byte));
        is_id.then_some(Self(text)).ok_or(InvalidDeliveryId)
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn hash(texts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    let hash: [u8; 32] = hash.finalize().into();
    u64::from_be_bytes([
        hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7],
    ])
}

/// The most deliveries that a request repeats.
const MAX_REPLAYED: usize = 100;

/// Deliveries to repeat: 1 to 100 ids, each once.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<DeliveryId>")]
pub struct DeliveryIds(BTreeSet<DeliveryId>);

/// The list is empty or too long, or has an id twice.
#[derive(Debug, thiserror::Error)]
#[error("must be 1 to {MAX_REPLAYED} ids of deliveries, each once")]
pub struct InvalidDeliveryIds;

impl DeliveryIds {
    /// The ids.
    #[must_use]
    pub fn as_set(&self) -> &BTreeSet<DeliveryId> {
        &self.0
    }
}

impl TryFrom<Vec<DeliveryId>> for DeliveryIds {
    type Error = InvalidDeliveryIds;

    fn try_from(list: Vec<DeliveryId>) -> Result<Self, InvalidDeliveryIds> {
        let number = list.len();
        let ids = BTreeSet::from_iter(list);
        let is_valid = (1..=MAX_REPLAYED).contains(&number) && ids.len() == number;
        is_valid.then_some(Self(ids)).ok_or(InvalidDeliveryIds)
    }
}

/// What has become of a request to repeat deliveries.
#[derive(Debug, Serialize)]
pub struct Replay {
    /// How many will be attempted again.
    pub queued: usize,
}

/// What is posted: the body of each attempt of a delivery.
#[derive(Debug, Serialize)]
pub struct Payload {
    /// The type of the event.
    pub r#type: EventType,
    /// When the change was made, as ISO 8601 in UTC.
    #[serde(rename = "timestamp", serialize_with = "iso_8601")]
    pub changed_at: Seconds,
    /// The event.
    pub data: Event,
    /// The contacts to notify of a new message; none in other events, and for webhooks of contacts.
    pub recipients: Option<Vec<Recipient>>,
}

impl Payload {
    /// The body for an event and the time of its change.
    #[must_use]
    pub fn new(event: Event, changed_at: Seconds) -> Self {
        Self {
            r#type: event.r#type,
            changed_at,
            data: event,
            recipients: None,
        }
    }
}

/// A contact that may be notified of a message.
#[derive(Clone, Debug, Serialize)]
pub struct Recipient {
    /// The contact.
    pub contact_id: ContactId,
    /// Its id in the operator's system.
    pub external_id: Option<ExternalId>,
    /// Whether it has a socket open, or had one that was not closed properly.
    pub is_online: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn iso_8601<S: Serializer>(moment: &Seconds, serializer: S) -> Result<S::Ok, S::Error> {
    let moment = i64::try_from(moment.0).map_err(ser::Error::custom)?;
    let text = DateTime::from_secs(moment).fmt(Format::DateTime);
    text.map_err(ser::Error::custom)?.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_delivery_depends_on_webhook_record_and_what_has_changed() {
        let webhook = WebhookId::random();
        let id = |seconds, number: &str, target: &str| {
            let origin = Origin::new(Seconds(seconds), number);
            DeliveryId::new(webhook, origin, target).to_string()
        };
        let first = id(1_795_523_106, "100", "message");
        assert_eq!(first.len(), 17);
        assert_eq!(first, id(1_795_523_106, "100", "message"));
        assert_ne!(first, id(1_795_523_106, "101", "message"));
        assert_ne!(first, id(1_795_523_106, "100", "other"));
        assert!(first < id(1_795_523_107, "0", ""));
        // One receiver can have several webhooks, and remember ids for all of them together.
        let origin = Origin::new(Seconds(1_795_523_106), "100");
        let other = DeliveryId::new(WebhookId::random(), origin, "message");
        assert_ne!(first, other.to_string());
    }
}
