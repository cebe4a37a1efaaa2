//! Webhooks: URLs to which the events of a contact are posted, signed as the
//! [Standard Webhooks specification](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)
//! says.

pub mod address;
mod delivery;
mod secret;

use std::collections::BTreeSet;

use hyper::Uri;
use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::pki_types::ServerName;

pub use self::delivery::{
    Delivery, DeliveryId, DeliveryIds, DeliveryStatus, Origin, Payload, Recipient, Replay,
};
pub use self::secret::Secret;
use crate::event::EventType;
use crate::id::WebhookId;
use crate::time::Seconds;

/// The most webhooks of a contact.
pub const MAX_WEBHOOKS: usize = 10;

/// The most previous secrets of a webhook that sign.
pub const MAX_PREVIOUS_SECRETS: usize = 4;

/// The longest URL, in bytes.
const MAX_URL: usize = 2048;

/// A webhook, without its secret.
#[derive(Debug, Serialize)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Where events are posted.
    pub url: String,
    /// Which events.
    pub events: EventTypes,
    /// Whether events are posted.
    pub is_enabled: bool,
    /// Why not; none if the owner has disabled it.
    pub disabled_because: Option<DisabledBecause>,
    /// When a delivery has failed first since the last one that succeeded.
    pub failing_since: Option<Seconds>,
    /// When it was created.
    pub created_at: Seconds,
}

/// A webhook whose secret is new.
#[derive(Debug, Serialize)]
pub struct WebhookWithSecret {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// What its deliveries are signed with. No other response contains it.
    pub secret: Secret,
}

/// Why a webhook was disabled.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledBecause {
    /// The receiver has responded with 410.
    Gone,
    /// No delivery has succeeded for days.
    Failing,
}

/// Where events are posted: an https URL with the name of a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WebhookUrl(String);

/// The text is not a [`WebhookUrl`].
#[derive(Debug, thiserror::Error)]
pub enum InvalidWebhookUrl {
    /// It is no URL, or another kind of URL.
    #[error(
        "must be an https URL with a valid host name, without user name, password and fragment, in at most {MAX_URL} characters of ASCII"
    )]
    Format,
    /// The host is not a name.
    #[error("must have the name of a host, not an IP address")]
    Address,
    /// The port is that of another service.
    #[error("must have the port 443, or one from 1024 to 65535")]
    Port,
}

impl WebhookUrl {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// If the text is no such URL. `is_local_allowed` also allows http, this host and all ports, for a receiver on the
    /// machine of a developer.
    pub fn parse(text: &str, is_local_allowed: bool) -> Result<Self, InvalidWebhookUrl> {
        if text.len() > MAX_URL || !text.is_ascii() || text.contains('#') {
            return Err(InvalidWebhookUrl::Format);
        }
        let uri: Uri = text.parse().map_err(|_| InvalidWebhookUrl::Format)?;
        let is_https = uri.scheme_str() == Some("https");
        let is_http = uri.scheme_str() == Some("http");
        let authority = uri.authority().ok_or(InvalidWebhookUrl::Format)?;
        if authority.as_str().contains('@') || !(is_https || is_http && is_local_allowed) {
            return Err(InvalidWebhookUrl::Format);
        }
        // A port that is none is not read as one.
        let host = authority.host();
        if authority.as_str() != host && authority.port_u16().is_none() {
            return Err(InvalidWebhookUrl::Port);
        }
        // What TLS checks the certificate for.
        if ServerName::try_from(host.trim_matches(['[', ']'])).is_err() {
            return Err(InvalidWebhookUrl::Format);
        }
        if !is_local_allowed {
            // The last part of a name is not a number: 127.1 and 0x7f000001 are addresses.
            let last = host.rsplit('.').find(|part| !part.is_empty());
            let is_number = last.is_none_or(|part| part.starts_with(|c: char| c.is_ascii_digit()));
            if host.starts_with('[') || is_number {
                return Err(InvalidWebhookUrl::Address);
            }
            if authority
                .port_u16()
                .is_some_and(|port| port != 443 && port < 1024)
            {
                return Err(InvalidWebhookUrl::Port);
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl From<WebhookUrl> for String {
    fn from(url: WebhookUrl) -> Self {
        url.0
    }
}

/// The events that a webhook is for. As JSON an array of types, or null for all.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Option<Vec<EventType>>", into = "Option<Vec<EventType>>")]
pub enum EventTypes {
    /// All, also those of types that do not exist yet.
    #[default]
    All,
    /// Those of these types.
    Only(BTreeSet<EventType>),
}

/// The texts are not types of events.
#[derive(Debug, thiserror::Error)]
#[error("must be one or more types of events, each once")]
pub struct InvalidEventTypes;

impl EventTypes {
    /// Whether a type is among them.
    #[must_use]
    pub fn contains(&self, r#type: EventType) -> bool {
        match self {
            Self::All => true,
            Self::Only(types) => types.contains(&r#type),
        }
    }
}

impl TryFrom<Option<Vec<EventType>>> for EventTypes {
    type Error = InvalidEventTypes;

    fn try_from(list: Option<Vec<EventType>>) -> Result<Self, InvalidEventTypes> {
        let Some(list) = list else {
            return Ok(Self::All);
        };
        let types: BTreeSet<_> = list.iter().copied().collect();
        if types.is_empty() || types.len() < list.len() {
            return Err(InvalidEventTypes);
        }
        Ok(Self::Only(types))
    }
}

impl From<EventTypes> for Option<Vec<EventType>> {
    fn from(types: EventTypes) -> Self {
        match types {
            EventTypes::All => None,
            EventTypes::Only(types) => Some(types.into_iter().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn event_types_are_a_list_without_repetitions_or_null() {
        let list = json!(["message.created", "resync"]);
        let types: EventTypes = from_value(list.clone()).unwrap();
        assert!(types.contains(EventType::Resync) && !types.contains(EventType::MessageDeleted));
        assert_eq!(to_value(types).unwrap(), list);
        let all: EventTypes = from_value(json!(null)).unwrap();
        assert!(all.contains(EventType::MessageDeleted));
        assert_eq!(to_value(all).unwrap(), json!(null));
        for wrong in [json!([]), json!(["resync", "resync"]), json!(["typing"])] {
            assert!(from_value::<EventTypes>(wrong).is_err());
        }
    }
}
