//! The table of webhooks: those of a contact are a partition.

use std::iter;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::id::{ContactId, WebhookId};
use crate::store::dynamodb::item::{Item, string_attr};
use crate::time::Seconds;
use crate::webhook::{DisabledBecause, EventTypes, Secret, Webhook, WebhookWithSecret};

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct WebhookItem {
    pub contact_id: ContactId,
    pub id: WebhookId,
    pub url: String,
    pub event_types: EventTypes,
    pub secret: Secret,
    /// Those that it has replaced, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous_secrets: Vec<PreviousSecret>,
    pub is_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_because: Option<DisabledBecause>,
    /// When a delivery has failed first since the last one that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Seconds>,
    pub created_at: Seconds,
    /// Where its owner reaches the API: the scheme and host of the request that has created or updated it last. The URLs
    /// in its deliveries begin with it.
    #[serde(default)]
    pub api_origin: Arc<str>,
}

/// A secret that signs for a while longer, so that receivers have time to learn its successor.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PreviousSecret {
    pub secret: Secret,
    pub expires_at: Seconds,
}

impl WebhookItem {
    /// The secrets that sign deliveries at this moment.
    pub fn secrets_at(&self, now: Seconds) -> impl Iterator<Item = &Secret> {
        let previous = self.previous_secrets.iter();
        let valid = previous.filter(move |previous| previous.expires_at > now);
        iter::once(&self.secret).chain(valid.map(|previous| &previous.secret))
    }

    /// Whether it is the operator's, and not that of a contact.
    pub fn is_operators(&self) -> bool {
        self.contact_id == ContactId::OPERATOR
    }

    /// Fails if events are not delivered to it.
    pub fn check_is_enabled(&self) -> Result<()> {
        if self.is_enabled {
            Ok(())
        } else {
            Err(Error::WebhookNotEnabled)
        }
    }

    pub fn into_webhook_with_secret(self) -> WebhookWithSecret {
        let secret = self.secret.clone();
        WebhookWithSecret {
            webhook: self.into_webhook(),
            secret,
        }
    }

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
