//! The code that all functions of CityPay Messages share.
//!
//! Values that are valid by construction, and that know nothing of HTTP or DynamoDB:
//!
//! - [`caller`]: the caller of a request, before and after authentication.
//! - `base62`: numbers as text, for ids and cursors.
//! - `characters`: which characters texts, names and labels may consist of.
//! - [`attachment`]: a file that is attached to a message.
//! - [`message`]: a message, its text and its reactions.
//! - [`contact`]: a contact: a person who sends, reads and reacts.
//! - [`conversation`]: a conversation, as one of its participants sees it.
//! - [`metadata`]: keys and values that applications store with one of these three.
//! - [`token`]: a bearer token, without its secret.
//! - [`key`]: a server key, without its secret, and what it may do.
//! - [`audit`]: what server keys did.
//! - [`report`]: a report of a message, for moderators.
//! - [`id`]: the ids of all of these; a message's id is its key.
//! - [`username_rules`]: which usernames contacts may choose.
//! - [`version`]: versions of a message, for conditional requests.
//! - [`idempotency`]: idempotency keys.
//! - [`page`]: pages of a list, and cursors.
//! - [`event`]: events of a contact's feed, and the cursors between them.
//! - [`webhook`]: URLs to which events are posted, and the signatures of what is posted.
//! - [`time`]: timestamps, and the clock.
//!
//! Around them:
//!
//! - [`error`]: everything that can go wrong.
//! - [`http`]: from an API Gateway event to a store call, and from its result to a response.
//! - [`store`]: DynamoDB and the bucket, one file per operation.
//! - [`log`]: one JSON log line per request.
//! - `origin`: where the client reaches the API, for URLs in responses.
//! - [`stream`]: from an event of a table's stream to a store call.
//! - [`delivery`]: from an event of the function that delivers webhooks to a store call.
//! - [`socket`]: from an event of a WebSocket API to a store call.
//!
//! `docs/architecture.md` follows one request through these modules.

pub mod attachment;
pub mod audit;
mod base62;
pub mod caller;
mod characters;
pub mod contact;
pub mod conversation;
pub mod delivery;
pub mod error;
pub mod event;
pub mod http;
pub mod id;
pub mod idempotency;
pub mod key;
pub mod log;
pub mod message;
pub mod metadata;
mod origin;
pub mod page;
pub mod report;
pub mod socket;
pub mod store;
pub mod stream;
pub mod time;
pub mod token;
pub mod username_rules;
pub mod version;
pub mod webhook;

pub use error::{Error, Result};
pub use store::Store;
