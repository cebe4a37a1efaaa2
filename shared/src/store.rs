//! The store: DynamoDB, one table and one file per kind of item.
//!
//! Items are private to their file. A method that reads on somebody's behalf takes the [`Caller`]
//! first and looks its token up with what it reads, or before; nothing of what was read is told before both the
//! token and the membership are known. Reads are strongly consistent; writes state their condition; no
//! endpoint scans. Beside all of them, once a minute and contact, one write tells that the caller is
//! active.
//!
//! | method | sequential round trips |
//! | --- | --- |
//! | [`Store::message`] | token, message, conversation and recent contacts in one call; other contacts |
//! | [`Store::messages`] | token, conversation and recent contacts in one call ‖ messages; other contacts |
//! | [`Store::inbox`] | token, inbox, messages and conversations, contacts |
//! | [`Store::send`] | token and conversation ‖ newest key, transaction ‖ sender, moves in the participants' lists, 16 at a time; of what was sent before under a key: the same in vain, key, message, contacts ‖ moves |
//! | [`Store::change`] | token, message, conversation and usernames, update ‖ contacts |
//! | [`Store::delete`] | token, message and conversation, transaction |
//! | [`Store::conversation`] | token and conversation ‖ newest message, membership, contacts ‖ unread |
//! | [`Store::conversations`] | token, memberships, conversations and newest messages ‖ unread, contacts; one more for a cursor, and one where the latest activity is no message that is there; unread messages of 16 conversations at a time |
//! | [`Store::begin`] | token ‖ those mentioned, transaction, contacts |
//! | [`Store::change_conversation`] | token and conversation ‖ newest message, membership, update, contacts ‖ unread; two more to mark messages as read |
//! | [`Store::add_participants`] | token and conversation ‖ newest message ‖ those mentioned, transaction ‖ membership, contacts ‖ unread |
//! | [`Store::leave`], [`Store::remove_participant`] | token and conversation, transaction, both again; keys and deletes, 500 messages a step; an end |
//! | [`Store::acquaintances`] | token, memberships, conversations, contacts |
//! | [`Store::acquaintance`] | token ‖ contact, memberships, the other's in the same conversations |
//! | [`Store::look_up`] | token ‖ username, contact ‖ memberships, the other's in the same conversations |
//! | [`Store::me`] | token, contact |
//! | [`Store::change_me`] | token, contact, transaction |
//! | [`Store::own_tokens`] | token, list |
//! | [`Store::issue_own_token`] | token, transaction |
//! | [`Store::revoke_own_token`] | token, list, transaction |
//!
//! What they consume is asserted in `tools/dev/tests/api/local/cost.rs`.
//!
//! [`Caller`]: crate::caller::Caller

mod batch;
mod connection;
mod contacts;
mod conversations;
mod failure;
mod idempotency;
mod inbox;
mod memberships;
mod messages;
mod metering;
mod span;
mod tokens;
mod upkeep;
mod write;

use std::collections::HashMap;
use std::env;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Intercept;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};

pub use connection::Pool;
pub use contacts::{ChangeOfContact, NewContact};
pub use conversations::{Begun, ChangeOfConversation, NewConversation, Record};
pub use messages::{Change, Sent};
pub use upkeep::{Finding, Survey};

use contacts::{Activity, RecentPeople};

use crate::error::{Cause, Error, Result};
use crate::time::Clock;

/// An item as the SDK has it.
type Item = HashMap<String, AttributeValue>;

/// All that is kept.
#[derive(Clone, Debug)]
pub struct Store {
    db: Client,
    tables: Arc<Tables>,
    clock: Clock,
    activity: Arc<Activity>,
    recent_people: Arc<RecentPeople>,
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
    /// The tables whose names the variables `MESSAGES_TABLE`, `INBOX_TABLE`, … hold.
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
    /// The store that the environment of a Lambda function names: tables, region, credentials, and
    /// `DYNAMODB_ENDPOINT`; and its connections, none open yet.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or wrong.
    pub fn from_env() -> Result<(Self, Pool), Cause> {
        let tables = Tables::from_vars(|name| env::var(name).ok())?;
        let (config, pool) = connection::from_env()?;
        Ok((Self::new(&config, tables), pool))
    }

    /// The store in `tables`, reached as `config` says.
    #[must_use]
    pub fn new(config: &SdkConfig, tables: Tables) -> Self {
        let config = aws_sdk_dynamodb::config::Builder::from(config)
            .interceptor(metering::Metering)
            .timeout_config(connection::timeouts())
            .retry_config(connection::retries())
            .retry_partition(connection::retry_quota())
            .build();
        Self {
            db: Client::from_conf(config),
            tables: Arc::new(tables),
            clock: Clock::system(),
            activity: Arc::default(),
            recent_people: Arc::default(),
        }
    }

    /// The same store, each of its calls to DynamoDB seen by `interceptor` first.
    #[must_use]
    pub fn with_interceptor(self, interceptor: impl Intercept + 'static) -> Self {
        let config = self.db.config().to_builder();
        let db = Client::from_conf(config.interceptor(interceptor).build());
        Self { db, ..self }
    }

    /// The same store, as another function has it: who was shown recently is not known there.
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        Self {
            recent_people: Arc::default(),
            ..self.clone()
        }
    }

    /// The same store, on a host with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }
}

/// The first `limit` items of a query: a page of DynamoDB's may end early, so it goes on until there are.
async fn query(query: QueryFluentBuilder, limit: usize) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    let mut start = None;
    loop {
        let missing = i32::try_from(limit - items.len()).map_err(Error::internal)?;
        let page = query
            .clone()
            .limit(missing)
            .set_exclusive_start_key(start)
            .send()
            .await?;
        items.extend(page.items.unwrap_or_default());
        start = page.last_evaluated_key;
        if start.is_none() || items.len() == limit {
            return Ok(items);
        }
    }
}

impl Store {
    /// Visits all items of a table, for operators: no endpoint scans.
    async fn each(&self, table: &str, mut visit: impl FnMut(Item) -> Result<()>) -> Result<()> {
        let mut start = None;
        loop {
            let scan = self
                .db
                .scan()
                .table_name(table)
                .set_exclusive_start_key(start);
            let page = scan.consistent_read(true).send().await?;
            page.items
                .unwrap_or_default()
                .into_iter()
                .try_for_each(&mut visit)?;
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }
}

fn read<T: DeserializeOwned>(item: Item) -> Result<T> {
    from_item(item).map_err(Error::internal)
}

fn written(row: &impl Serialize) -> Result<Item> {
    to_item(row).map_err(Error::internal)
}

/// A string as an attribute.
#[expect(
    clippy::needless_pass_by_value,
    reason = "ids are as small as references to them"
)]
fn s(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

/// A number as an attribute.
fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
