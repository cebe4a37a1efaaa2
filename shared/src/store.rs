//! The store: DynamoDB, and the bucket. Each operation of the API is one method, or two where a list has two forms, in a
//! file of its own.
//!
//! - `messages/`, `attachments/`, `conversations/`, `contacts/`, `tokens/`, `reports/`, `events/`, `webhooks/`: the
//!   operations.
//! - `deliveries/`: what is posted to webhooks.
//! - `audit/`: the audit trail of server keys.
//! - `moderation/`: what server keys can do in all conversations.
//! - `memberships`, `idempotency_records`, `activity`, `spending`, `quotas`, `participant_cache`, `key_range`,
//!   `cleanup`, `displayed`, `erasure`, `reads`, `on_behalf`: what several operations share.
//! - `items/`: what the tables hold: items and keys.
//! - `dynamodb/`: DynamoDB without our tables: connections, batches, updates, transactions.
//! - `files/`: the bucket: signed URLs of S3.
//! - `identity_provider/`: the JSON Web Tokens of the operator's identity provider.
//! - [`Admin`]: what operators do.
//!
//! Rules:
//!
//! - A method that acts for a caller takes the [`Caller`] first. Nothing is returned before the token and
//!   the participation are verified, and nothing else is read before, unless this instance verified both
//!   within the last minute (`access_cache`).
//! - What a response shows of a contact is decided in one place (`viewer`).
//! - All reads are strongly consistent, except for unread counts. All writes state their condition. No
//!   endpoint scans, except for erasing a contact.
//! - The documentation of each method counts its sequential round trips for a caller in the access cache;
//!   `‖` separates calls that run in parallel. For any other caller, token and conversation are a round trip
//!   each. `cost.rs` of the API tests asserts them, and the capacity units, for every operation.
//!
//! Every method that takes a caller fails with [`Error::Unauthenticated`] without a valid token, with
//! [`Error::BudgetExceeded`] if the contact has spent its budget, and with [`Error::Unavailable`] if DynamoDB
//! throttles or is unavailable.
//!
//! [`Caller`]: crate::caller::Caller
//! [`Error::BudgetExceeded`]: crate::Error::BudgetExceeded
//! [`Error::Unauthenticated`]: crate::Error::Unauthenticated
//! [`Error::Unavailable`]: crate::Error::Unavailable

mod access_cache;
mod acquaintances;
mod activity;
mod admin;
mod attachments;
mod audit;
mod cleanup;
mod consent;
mod contacts;
mod conversations;
mod deliveries;
mod displayed;
mod dynamodb;
mod erasure;
mod events;
mod files;
mod idempotency_records;
mod identity_provider;
mod items;
mod key_range;
mod limits;
mod memberships;
mod messages;
mod moderation;
mod on_behalf;
mod participant_cache;
mod quotas;
mod reads;
mod reports;
mod sockets;
mod spending;
mod tokens;
mod vars;
mod viewer;
mod webhooks;

use std::env;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Intercept;
use aws_sdk_dynamodb::types::TransactWriteItem;

pub use admin::{
    Admin, ConversationRecord, ExportedMessage, Inconsistency, Report, UsernameStatus,
};
pub use attachments::{AttachmentWithDownload, CreatedAttachment};
pub use cleanup::Progress;
pub use consent::WhoMayBegin;
pub use contacts::{
    ContactProfile, ContactUpdate, CreatedContact, ErasedContact, ErasureProof, NewContact,
    UpdatedContact,
};
pub use conversations::{ConversationUpdate, CreatedConversation, NewConversation};
pub use deliveries::Task;
pub use dynamodb::connection::{Pool, Timeouts};
pub use erasure::Erased;
pub use events::{Change, Changed, ConversationChange, Unpublished};
pub use files::{FileAction, FileObserver, Files, Upload};
pub use identity_provider::IdentityProvider;
pub use items::membership::ConversationList;
pub use items::membership::LastChange;
pub use limits::{Budget, Limits};
pub use messages::{CreatedMessage, MessageFilter, MessageUpdate, NewMessage};
pub use reports::CreatedReport;
pub use sockets::Sockets;
pub use webhooks::{WebhookUpdate, Webhooks};

use access_cache::AccessCache;
use activity::ActivityCache;
use dynamodb::connection;
use dynamodb::metering::Metering;
use dynamodb::transaction::{self, Transaction};
use participant_cache::ParticipantCache;
use spending::Spending;

use crate::error::{Cause, Result};
use crate::event::FeedEpoch;
use crate::time::Clock;
use crate::username_rules::UsernameRules;

/// Access to all data. Clones share their connections and caches.
#[derive(Clone, Debug)]
pub struct Store {
    db: Client,
    tables: Arc<Tables>,
    files: Option<Files>,
    timeouts: Timeouts,
    clock: Clock,
    who_may_begin: WhoMayBegin,
    username_rules: Arc<UsernameRules>,
    limits: Limits,
    records_edits: bool,
    identity_provider: Option<IdentityProvider>,
    feed_epoch: FeedEpoch,
    sockets: Option<Sockets>,
    webhooks: Webhooks,
    access_cache: Arc<AccessCache>,
    activity_cache: Arc<ActivityCache>,
    spending: Arc<Spending>,
    participant_cache: Arc<ParticipantCache>,
}

/// The names of the tables.
#[derive(Clone, Debug)]
pub struct Tables {
    messages: String,
    attachments: String,
    inbox: String,
    conversations: String,
    memberships: String,
    acquaintances: String,
    contacts: String,
    tokens: String,
    token_ids: String,
    idempotency: String,
    reads: String,
    reports: String,
    audit: String,
    edits: String,
    feed: String,
    listeners: String,
    webhooks: String,
    deliveries: String,
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
            attachments: name("ATTACHMENTS_TABLE")?,
            inbox: name("INBOX_TABLE")?,
            conversations: name("CONVERSATIONS_TABLE")?,
            memberships: name("MEMBERSHIPS_TABLE")?,
            acquaintances: name("ACQUAINTANCES_TABLE")?,
            contacts: name("CONTACTS_TABLE")?,
            tokens: name("TOKENS_TABLE")?,
            token_ids: name("TOKEN_IDS_TABLE")?,
            idempotency: name("IDEMPOTENCY_TABLE")?,
            reads: name("READS_TABLE")?,
            reports: name("REPORTS_TABLE")?,
            audit: name("AUDIT_TABLE")?,
            edits: name("EDITS_TABLE")?,
            feed: name("FEED_TABLE")?,
            listeners: name("LISTENERS_TABLE")?,
            webhooks: name("WEBHOOKS_TABLE")?,
            deliveries: name("DELIVERIES_TABLE")?,
        })
    }
}

impl Store {
    /// The store that the environment of a Lambda function describes: table names, limits, region,
    /// credentials, `DYNAMODB_ENDPOINT`, the rules for usernames and the identity provider. Returns its connection pool, too, which
    /// is empty.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or invalid.
    pub fn from_env() -> Result<(Self, Pool), Cause> {
        let var = |name: &str| env::var(name).ok();
        let tables = Tables::from_vars(var)?;
        let (config, pool) = connection::from_env()?;
        Ok((Self::new(&config, tables).with_vars(var)?, pool))
    }

    /// The same store of a deployment with these variables: limits, rules for usernames, the identity provider, and what
    /// its parameters set.
    ///
    /// # Errors
    ///
    /// Names the variable that is invalid.
    pub fn with_vars(self, var: impl Fn(&str) -> Option<String> + Copy) -> Result<Self, Cause> {
        let store = self
            .with_limits(Limits::from_vars(var)?)
            .with_username_rules(UsernameRules::from_vars(var)?)
            .with_edit_history(vars::flag(var, "EDIT_HISTORY")?)
            .with_webhooks(Webhooks::from_vars(var)?)
            .with_identity_provider(IdentityProvider::from_vars(var)?);
        let store = match var("WHO_MAY_BEGIN") {
            Some(text) => store.with_who_may_begin(text.parse()?),
            None => store,
        };
        Ok(match var("FEED_EPOCH") {
            Some(text) => store.with_feed_epoch(text.parse()?),
            None => store,
        })
    }

    /// A store with these tables and this SDK configuration, and without limits.
    #[must_use]
    pub fn new(config: &SdkConfig, tables: Tables) -> Self {
        let timeouts = Timeouts::default();
        let config = aws_sdk_dynamodb::config::Builder::from(config)
            .interceptor(Metering::new(&tables.contacts))
            .timeout_config(timeouts.config())
            .retry_config(connection::retries())
            .retry_partition(connection::retry_quota())
            .build();
        Self {
            db: Client::from_conf(config),
            tables: Arc::new(tables),
            files: None,
            timeouts,
            clock: Clock::system(),
            who_may_begin: WhoMayBegin::default(),
            username_rules: Arc::default(),
            limits: Limits::default(),
            records_edits: false,
            identity_provider: None,
            feed_epoch: FeedEpoch::default(),
            sockets: None,
            webhooks: Webhooks::default(),
            access_cache: Arc::default(),
            activity_cache: Arc::default(),
            spending: Arc::default(),
            participant_cache: Arc::default(),
        }
    }

    /// The same store, which records what messages said before they were edited if `records_edits`.
    #[must_use]
    pub fn with_edit_history(self, records_edits: bool) -> Self {
        Self {
            records_edits,
            ..self
        }
    }

    /// The same store with these limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        let spending = Arc::new(Spending::new(limits.budget, limits.key_budget));
        Self {
            limits,
            spending,
            ..self
        }
    }

    /// Writes all items or none. Returns whether all conditions held.
    async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<bool> {
        let outcome = transaction::transact(&self.db, items).await?;
        Ok(matches!(outcome, Transaction::Committed))
    }

    /// The same store with these rules for usernames, instead of the default.
    #[must_use]
    pub fn with_username_rules(self, rules: UsernameRules) -> Self {
        Self {
            username_rules: Arc::new(rules),
            ..self
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

    /// The same store as another function instance sees it: without what this one has read before, except
    /// when contacts were last active.
    #[must_use]
    pub fn as_new_instance(&self) -> Self {
        Self {
            identity_provider: self.new_identity_provider(),
            access_cache: Arc::default(),
            spending: Arc::new(self.spending.as_new_instance()),
            participant_cache: Arc::default(),
            ..self.clone()
        }
    }

    /// The same store of a deployment with another rule for beginning conversations.
    #[must_use]
    pub fn with_who_may_begin(self, who_may_begin: WhoMayBegin) -> Self {
        Self {
            who_may_begin,
            ..self
        }
    }

    /// The same store of a deployment whose feeds have begun anew.
    #[must_use]
    pub fn with_feed_epoch(self, feed_epoch: FeedEpoch) -> Self {
        Self { feed_epoch, ..self }
    }

    /// The same store on a host with another clock, for tests.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        let files = self.files.map(|files| files.with_clock(clock.clone()));
        Self {
            files,
            clock,
            ..self
        }
    }
}
