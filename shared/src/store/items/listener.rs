//! The table of listeners: the contacts that follow their feed. Others get no entries.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{ContactId, WebhookId};
use crate::socket::ConnectionId;
use crate::store::dynamodb::item::{Item, string_attr};
use crate::time::{Micros, Seconds};

/// For how many days after its last read a contact can go on reading its feed.
const MAX_DAYS: u64 = 30;

#[derive(Debug, Deserialize, Serialize)]
pub struct Listener {
    pub contact_id: ContactId,
    /// A segment of its feed, from which on the newest one is looked for.
    pub segment_number: u64,
    /// When it last read its feed, in days since 1970 (UTC).
    pub read_on: u64,
    /// Its sockets, those included that have been closed and not been found to be.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "serde_dynamo::string_set"
    )]
    pub connections: BTreeSet<Connection>,
    /// Its webhooks. They get events whether the contact reads its feed or not.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "serde_dynamo::string_set"
    )]
    pub webhooks: BTreeSet<WebhookId>,
}

/// A socket of a contact. They sort by age.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Connection {
    /// When API Gateway closes it at the latest.
    pub expires_at: Seconds,
    pub id: ConnectionId,
}

impl Connection {
    /// Whether it can still be open.
    pub fn is_open(&self, now: Micros) -> bool {
        self.expires_at > now.into()
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.expires_at.0, self.id)
    }
}

impl From<Connection> for String {
    fn from(connection: Connection) -> Self {
        connection.to_string()
    }
}

impl TryFrom<String> for Connection {
    type Error = InvalidConnection;

    fn try_from(text: String) -> Result<Self, InvalidConnection> {
        let parse = || {
            let (expires_at, id) = text.split_once(' ')?;
            Some(Self {
                expires_at: Seconds(expires_at.parse().ok()?),
                id: id.parse().ok()?,
            })
        };
        parse().ok_or(InvalidConnection)
    }
}

/// A text is not a connection.
#[derive(Debug, thiserror::Error)]
#[error("must be a number of seconds and the id of a connection")]
pub struct InvalidConnection;

impl Listener {
    /// Whether the contact can still go on from a position in its feed.
    pub fn can_read(&self, now: Micros) -> bool {
        day(now).saturating_sub(self.read_on) <= MAX_DAYS
    }

    /// Whether changes are recorded in its feed: for a day longer, since the clocks of two hosts can differ.
    pub fn is_recorded(&self, now: Micros) -> bool {
        day(now).saturating_sub(self.read_on) <= MAX_DAYS + 1
    }
}

/// The number of a day since 1970 (UTC).
pub fn day(moment: Micros) -> u64 {
    const SECONDS_PER_DAY: u64 = 24 * 60 * 60;
    Seconds::from(moment).0 / SECONDS_PER_DAY
}

pub fn key(contact: ContactId) -> Item {
    Item::from([("contact_id".to_owned(), string_attr(contact))])
}
