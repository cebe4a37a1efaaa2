//! The model that every function of CityPay Messages shares.
//!
//! Values that cannot be wrong, which know nothing of HTTP or DynamoDB:
//!
//! - [`caller`]: who calls, as far as is known yet.
//! - [`message`]: a message, its text and its reactions.
//! - [`contact`]: a person, and the name others see.
//! - [`conversation`]: who takes part, and what one of them sees of it.
//! - [`token`]: what can be told of a bearer token.
//! - [`id`]: what names each of them; a message's id is its key.
//! - [`version`]: which version of a message is meant.
//! - [`idempotency`]: keys under which a request is carried out once.
//! - [`page`]: which part of a list is asked for.
//! - [`time`]: microseconds within, seconds for clients, and the clock.
//! - [`error`]: all that can go wrong.
//!
//! Around them:
//!
//! - [`http`]: the edge, from an API Gateway event to a store call and back.
//! - [`store`]: DynamoDB, one file per kind of item.
//! - [`log`]: one JSON line per request.

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
