//! The store: DynamoDB. Each operation of the API is one method, or two where a list has two forms, in a
//! file of its own.
//!
//! - `messages/`, `conversations/`, `contacts/`, `tokens/`: the operations.
//! - `memberships`, `idempotency_records`, `activity`, `participant_cache`, `key_range`: what several
//!   operations share.
//! - `items/`: what the tables hold: items and keys.
//! - `dynamodb/`: DynamoDB without our tables: connections, batches, updates, transactions.
//! - [`Admin`]: what operators do.
//!
//! Rules:
//!
//! - A method that acts for a caller takes the [`Caller`] first, and reads its token together with the
//!   other data or before. Nothing that was read is returned before the token and the membership are
//!   verified.
//! - All reads are strongly consistent. All writes state their condition. No endpoint scans.
//! - The documentation of each method counts its sequential round trips; `‖` separates calls that run in
//!   parallel. `cost.rs` of the API tests asserts them, and the capacity units, for every operation.
//!
//! Every method that takes a caller fails with [`Error::Unauthenticated`] without a valid token, and with
//! [`Error::Unavailable`] if DynamoDB throttles or is unavailable.
//!
//! [`Caller`]: crate::caller::Caller
//! [`Error::Unauthenticated`]: crate::Error::Unauthenticated
//! [`Error::Unavailable`]: crate::Error::Unavailable

mod activity;
mod admin;
mod contacts;
mod conversations;
mod dynamodb;
mod idempotency_records;
mod items;
mod key_range;
mod memberships;
mod messages;
mod participant_cache;
mod tokens;

use std::env;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Intercept;

pub use admin::{Admin, ConversationRecord, Inconsistency, NewContact, Report};
pub use contacts::ContactUpdate;
pub use conversations::{ConversationUpdate, CreatedConversation, NewConversation};
pub use dynamodb::connection::{Pool, Timeouts};
pub use messages::{CreatedMessage, MessageUpdate};

use activity::ActivityCache;
use dynamodb::connection;
use dynamodb::metering::Metering;
use participant_cache::ParticipantCache;

use crate::error::{Cause, Result};
use crate::time::Clock;

/// Access to all data. Clones share their connections and caches.
#[derive(Clone, Debug)]
pub struct Store {
    db: Client,
    tables: Arc<Tables>,
    timeouts: Timeouts,
    clock: Clock,
    activity_cache: Arc<ActivityCache>,
    participant_cache: Arc<ParticipantCache>,
}

/// The names of the tables.
#[derive(Clone, Debug)]
pub struct Tables {
    messages: String,
    inbox: String,
    conversations: String,
    memberships: String,
    contacts: String,
    tokens: String,
    token_ids: String,
    idempotency: String,
}

impl Tables {
    /// Reads the names from the variables `MESSAGES_TABLE`, `INBOX_TABLE` and so on.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Self, Cause> {
        let name = |table: &str| {
            var(table).ok_or_else(|| format!("the environment variable {table} is missing"))
        };
        Ok(Self {
            messages: name("MESSAGES_TABLE")?,
            inbox: name("INBOX_TABLE")?,
            conversations: name("CONVERSATIONS_TABLE")?,
            memberships: name("MEMBERSHIPS_TABLE")?,
            contacts: name("CONTACTS_TABLE")?,
            tokens: name("TOKENS_TABLE")?,
            token_ids: name("TOKEN_IDS_TABLE")?,
            idempotency: name("IDEMPOTENCY_TABLE")?,
        })
    }
}

impl Store {
    /// The store that the environment of a Lambda function describes: table names, region, credentials and
    /// `DYNAMODB_ENDPOINT`. Returns its connection pool, too, which is empty.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or invalid.
    pub fn from_env() -> Result<(Self, Pool), Cause> {
        let tables = Tables::from_vars(|name| env::var(name).ok())?;
        let (config, pool) = connection::from_env()?;
        Ok((Self::new(&config, tables), pool))
    }

    /// A store with these tables and this SDK configuration.
    #[must_use]
    pub fn new(config: &SdkConfig, tables: Tables) -> Self {
        let timeouts = Timeouts::default();
        let config = aws_sdk_dynamodb::config::Builder::from(config)
            .interceptor(Metering)
            .timeout_config(timeouts.config())
            .retry_config(connection::retries())
            .retry_partition(connection::retry_quota())
            .build();
        Self {
            db: Client::from_conf(config),
            tables: Arc::new(tables),
            timeouts,
            clock: Clock::system(),
            activity_cache: Arc::default(),
            participant_cache: Arc::default(),
        }
    }

    /// The same store with an interceptor for all calls to DynamoDB, for tests.
    #[must_use]
    pub fn with_interceptor(self, interceptor: impl Intercept + 'static) -> Self {
        let config = self.db.config().to_builder();
        let db = Client::from_conf(config.interceptor(interceptor).build());
        Self { db, ..self }
    }

    /// The same store with other timeouts, for tests.
    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        let config = self.db.config().to_builder();
        let db = Client::from_conf(config.timeout_config(timeouts.config()).build());
        Self {
            db,
            timeouts,
            ..self
        }
    }

    /// How long a request to this store may take.
    pub(crate) fn request_timeout(&self) -> Duration {
        self.timeouts.request
    }

    /// The same store as another function instance sees it: with an empty participant cache.
    #[must_use]
    pub fn as_new_instance(&self) -> Self {
        Self {
            participant_cache: Arc::default(),
            ..self.clone()
        }
    }

    /// The same store on a host with another clock, for tests.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }
}
