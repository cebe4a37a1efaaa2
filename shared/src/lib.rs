//! The code that all functions of CityPay Messages share.
//!
//! Values that are valid by construction, and that know nothing of HTTP or DynamoDB:
//!
//! - [`caller`]: the caller of a request, before and after authentication.
//! - [`message`]: a message, its text and its reactions.
//! - [`contact`]: a contact: a person who sends, reads and reacts.
//! - [`conversation`]: a conversation, as one of its participants sees it.
//! - [`token`]: a bearer token, without its secret.
//! - [`id`]: the ids of all of these; a message's id is its key.
//! - [`version`]: versions of a message, for conditional requests.
//! - [`idempotency`]: idempotency keys.
//! - [`page`]: pages of a list, and cursors.
//! - [`time`]: timestamps, and the clock.
//!
//! Around them:
//!
//! - [`error`]: everything that can go wrong.
//! - [`http`]: from an API Gateway event to a store call, and from its result to a response.
//! - [`store`]: DynamoDB, one file per operation.
//! - [`log`]: one JSON log line per request.
//!
//! `docs/architecture.md` follows one request through these modules.

pub mod caller;
pub mod contact;
pub mod conversation;
pub mod error;
pub mod http;
pub mod id;
pub mod idempotency;
pub mod log;
pub mod message;
pub mod page;
pub mod store;
pub mod time;
pub mod token;
pub mod version;

pub use error::{Error, Result};
pub use store::Store;
