//! The table of deliveries: those of a webhook are a partition. They say what to show, and contain none of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::feed::Entry;
use crate::id::{ContactId, WebhookId};
use crate::store::dynamodb::item::{Item, string_attr};
use crate::time::Seconds;
use crate::webhook::DeliveryId;

/// How long a delivery is kept.
pub const TTL: Duration = Duration::from_hours(30 * 24);

/// The index of those that wait, by the time of the next attempt.
pub const DUE_INDEX: &str = "due";

/// The partitions of the index, so that it takes four times as many writes as one.
const SHARDS: u64 = 4;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct DeliveryItem {
    pub webhook_id: WebhookId,
    pub id: DeliveryId,
    /// The owner of the webhook.
    pub contact_id: ContactId,
    pub entry: Entry,
    pub changed_at: Seconds,
    /// How many attempts have begun.
    pub attempts: usize,
    pub delivery_status: DeliveryStatus,
    /// The status of the last response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_status: Option<u16>,
    /// While it waits: the partition of the index, and the time of the next attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_shard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Seconds>,
    pub expires_at: Seconds,
}

/// What has come of a delivery.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Another attempt follows.
    Waiting,
    Delivered,
    Failed,
}

/// The key of a delivery.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
pub struct DeliveryKey {
    pub webhook_id: WebhookId,
    pub id: DeliveryId,
}

impl DeliveryKey {
    pub fn item(&self) -> Item {
        Item::from([
            ("webhook_id".to_owned(), string_attr(self.webhook_id)),
            ("id".to_owned(), string_attr(&self.id)),
        ])
    }
}

impl DeliveryItem {
    /// Whether an attempt may begin: the first one at any time, others when they are due.
    pub fn may_be_attempted_at(&self, now: Seconds) -> bool {
        self.due_at
            .is_some_and(|due_at| self.attempts == 0 || due_at <= now)
    }

    pub fn key(&self) -> DeliveryKey {
        DeliveryKey {
            webhook_id: self.webhook_id,
            id: self.id.clone(),
        }
    }
}

/// The partition of the index for a delivery.
pub fn shard_of(id: &DeliveryId) -> String {
    id.shard(SHARDS).to_string()
}

/// All partitions of the index.
pub fn shards() -> impl Iterator<Item = String> {
    (0..SHARDS).map(|shard| shard.to_string())
}
