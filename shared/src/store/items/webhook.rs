//! The table of webhooks: those of a contact are a partition.

use serde::{Deserialize, Serialize};

use crate::id::{ContactId, WebhookId};
use crate::store::dynamodb::item::{Item, string_attr};
use crate::time::Seconds;
use crate::webhook::{DisabledBecause, EventTypes, Secret, Webhook};

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct WebhookItem {
    pub contact_id: ContactId,
    pub id: WebhookId,
    pub url: String,
    pub event_types: EventTypes,
    pub secret: Secret,
    pub is_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_because: Option<DisabledBecause>,
    /// When a delivery has failed first since the last one that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Seconds>,
    pub created_at: Seconds,
}

impl WebhookItem {
    pub fn into_webhook(self) -> Webhook {
        Webhook {
            id: self.id,
            url: self.url,
            events: self.event_types,
            is_enabled: self.is_enabled,
            disabled_because: self.disabled_because,
            failing_since: self.failing_since,
            created_at: self.created_at,
        }
    }
}

pub fn key(contact: ContactId, id: WebhookId) -> Item {
    Item::from([
        ("contact_id".to_owned(), string_attr(contact)),
        ("id".to_owned(), string_attr(id)),
    ])
}
