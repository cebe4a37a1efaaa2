//! The table of deliveries: those of a webhook are a partition. They say what to show, and contain none of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::feed::{Entry, Target};
use super::webhook::WebhookItem;
use crate::event::EventType;
use crate::id::{ContactId, WebhookId};
use crate::store::deliveries::MAX_ATTEMPTS;
use crate::store::dynamodb::item::{Item, string_attr};
use crate::time::{Micros, Seconds};
use crate::webhook::{Delivery, DeliveryId, DeliveryStatus};

/// How long a delivery is kept.
pub const TTL: Duration = Duration::from_hours(30 * 24);

/// After this time the schedule makes the first attempt, if the stream has not led to it.
const FIRST_ATTEMPT_DUE: Duration = Duration::from_mins(1);

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
    #[serde(rename = "entry")]
    pub subject: DeliverySubject,
    pub changed_at: Seconds,
    /// How many attempts have begun.
    pub attempts: usize,
    pub delivery_status: DeliveryStatus,
    /// The status of the response to the last attempt that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_status: Option<u16>,
    /// The reason why there was no response to it, as text: a later version can have others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// While it waits: the partition of the index, and the time of the next attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_shard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Seconds>,
    pub expires_at: Seconds,
}

/// What a delivery is about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "String", into = "String")]
pub enum DeliverySubject {
    /// A change, as an entry of the feed tells it.
    Change(Entry),
    /// Nothing: the owner tests the webhook.
    Test,
}

const TEST: &str = "t";

impl From<DeliverySubject> for String {
    fn from(subject: DeliverySubject) -> Self {
        match subject {
            DeliverySubject::Change(entry) => entry.into(),
            DeliverySubject::Test => TEST.to_owned(),
        }
    }
}

impl From<String> for DeliverySubject {
    fn from(text: String) -> Self {
        if text == TEST {
            Self::Test
        } else {
            Self::Change(text.into())
        }
    }
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
    /// A delivery to a webhook that has not been attempted.
    pub fn new(
        webhook: &WebhookItem,
        id: DeliveryId,
        subject: DeliverySubject,
        changed_at: Seconds,
        now: Micros,
    ) -> Self {
        Self {
            webhook_id: webhook.id,
            retry_shard: Some(shard_of(&id)),
            id,
            contact_id: webhook.contact_id,
            subject,
            changed_at,
            attempts: 0,
            delivery_status: DeliveryStatus::Waiting,
            last_status: None,
            last_error: None,
            due_at: Some(now.after(FIRST_ATTEMPT_DUE).into()),
            expires_at: now.after(TTL).into(),
        }
    }

    /// Whether an attempt may begin: the first one at any time, others when they are due.
    pub fn may_be_attempted_at(&self, now: Seconds) -> bool {
        self.due_at
            .is_some_and(|due_at| self.attempts == 0 || due_at <= now)
    }

    /// The change, if it is about one.
    pub fn entry(&self) -> Option<Entry> {
        match self.subject {
            DeliverySubject::Change(entry) => Some(entry),
            DeliverySubject::Test => None,
        }
    }

    /// After how many attempts it has failed.
    pub fn max_attempts(&self) -> usize {
        match self.subject {
            DeliverySubject::Change(_) => MAX_ATTEMPTS,
            DeliverySubject::Test => 1,
        }
    }

    /// The type of event that it is put for, without regard to what there is when it is posted.
    fn event_type(&self) -> EventType {
        self.entry()
            .map_or(EventType::WebhookTest, Entry::event_type)
    }

    pub fn into_delivery(self) -> Delivery {
        let (message_id, conversation_id) = match self.entry().map(Entry::target) {
            Some(Target::Message(id)) => (Some(id), Some(id.conversation())),
            Some(Target::Conversation(id) | Target::AllMessagesOf(id)) => (None, Some(id)),
            Some(Target::Everything) | None => (None, None),
        };
        Delivery {
            r#type: self.event_type(),
            id: self.id,
            message_id,
            conversation_id,
            status: self.delivery_status,
            attempts: self.attempts,
            last_status: self.last_status,
            last_error: self.last_error,
            next_attempt_at: self.due_at,
            created_at: self.changed_at,
        }
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
