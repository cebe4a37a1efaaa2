//! Webhooks: URLs to which the events of a contact are posted, signed as the
//! [Standard Webhooks specification](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)
//! says.

pub mod address;

use std::collections::BTreeSet;
use std::fmt;

use aws_smithy_types::DateTime;
use aws_smithy_types::base64;
use aws_smithy_types::date_time::{DateTimeFormatError, Format};
use hyper::Uri;
use ring::hmac;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base62;
use crate::event::{Event, EventType};
use crate::id::WebhookId;
use crate::time::Seconds;

/// The most webhooks of a contact.
pub const MAX_WEBHOOKS: usize = 10;

/// The longest URL, in bytes.
const MAX_URL: usize = 2048;

/// The random bytes of a secret.
const SECRET_LEN: usize = 24;

/// What a secret begins with.
const SECRET_PREFIX: &str = "whsec_";

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

/// A webhook that has just been created.
#[derive(Debug, Serialize)]
pub struct NewWebhook {
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
        "must be an https URL without user name, password and fragment, in at most {MAX_URL} characters of ASCII"
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

/// What deliveries are signed with: `whsec_` and the base64 of 24 random bytes.
#[derive(Clone, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret(Vec<u8>);

/// The text is not a secret.
#[derive(Debug, thiserror::Error)]
#[error("must be {SECRET_PREFIX} and base64")]
pub struct InvalidSecret;

impl Secret {
    /// A new secret.
    ///
    /// # Panics
    ///
    /// If the operating system has no random bytes.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = [0; SECRET_LEN];
        getrandom::fill(&mut bytes).expect("the operating system has random bytes");
        Self(bytes.into())
    }

    /// The signature of a delivery, as the header `webhook-signature` has it.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: Seconds, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut signed = hmac::Context::with_key(&key);
        signed.update(format!("{id}.{}.", timestamp.0).as_bytes());
        signed.update(body);
        format!("v1,{}", base64::encode(signed.sign()))
    }
}

impl TryFrom<String> for Secret {
    type Error = InvalidSecret;

    fn try_from(text: String) -> Result<Self, InvalidSecret> {
        let key = text.strip_prefix(SECRET_PREFIX).ok_or(InvalidSecret)?;
        let key = base64::decode(key).map_err(|_| InvalidSecret)?;
        Some(Self(key))
            .filter(|secret| secret.0.len() >= SECRET_LEN)
            .ok_or(InvalidSecret)
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        format!("{SECRET_PREFIX}{}", base64::encode(secret.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
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
pub struct DeliveryId(String);

impl DeliveryId {
    /// The id for what a record has told a webhook of a message or a conversation.
    #[must_use]
    pub fn new(webhook: WebhookId, origin: Origin, target: &str) -> Self {
        let hash = hash(&[&webhook.to_string(), &origin.hash.to_string(), target]);
        let moment = base62::encode::<6>(origin.changed_at.0);
        Self(format!("{moment}{}", base62::encode::<11>(hash)))
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

impl From<String> for DeliveryId {
    fn from(text: String) -> Self {
        Self(text)
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

/// The body of a delivery.
#[derive(Debug, Serialize)]
pub struct Delivery<'a> {
    r#type: EventType,
    /// When the change was made, as ISO 8601 in UTC.
    timestamp: String,
    data: &'a Event,
}

impl<'a> Delivery<'a> {
    /// The body for an event and the time of its change.
    ///
    /// # Errors
    ///
    /// If the time is after the year 9999.
    pub fn new(event: &'a Event, changed_at: Seconds) -> Result<Self, DateTimeFormatError> {
        let seconds = i64::try_from(changed_at.0).unwrap_or(i64::MAX);
        Ok(Self {
            r#type: event.r#type,
            timestamp: DateTime::from_secs(seconds).fmt(Format::DateTime)?,
            data: event,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    /// The example of the documentation of Svix, who wrote the first library for the specification.
    #[test]
    fn a_delivery_is_signed_as_the_specification_says() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let secret = Secret::try_from(secret).unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", Seconds(1_614_265_330), body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_24_random_bytes() {
        let [a, b] = [(), ()].map(|()| String::from(Secret::generate()));
        assert_ne!(a, b);
        assert_eq!(a.len(), "whsec_".len() + 32);
        assert_eq!(String::from(Secret::try_from(a.clone()).unwrap()), a);
        for damaged in ["", "whsec_", "whsec_x", "whsec_AAAA", &a[6..]] {
            assert!(Secret::try_from(damaged.to_owned()).is_err());
        }
    }

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
