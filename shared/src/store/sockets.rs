//! Sockets: the WebSocket connections over which a contact learns at once that its feed has more.
//!
//! What is sent is a hint with the cursor of the feed's end, and no content. So a hint that is lost, late or repeated
//! does no harm, and neither does one to a client whose token has been revoked: it cannot read the feed.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::config::timeout::TimeoutConfig;
use aws_sdk_apigatewaymanagement::config::{Builder, Intercept};
use aws_sdk_apigatewaymanagement::operation::post_to_connection::PostToConnectionError;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use futures_util::future::join_all;
use serde::Serialize;

use super::Store;
use super::dynamodb::batch::BatchGet;
use super::dynamodb::connection;
use super::dynamodb::item::string_set_attr;
use super::dynamodb::retry::Backoff;
use super::dynamodb::update::Update;
use super::items::listener::{self, Connection, Listener};
use crate::caller::Caller;
use crate::error::{Cause, Error, Result, chain};
use crate::event::{FeedCursor, Position};
use crate::id::ContactId;
use crate::socket::ConnectionId;
use crate::time::Seconds;

/// The most sockets of a contact. Opening another one closes the oldest.
const MAX_SOCKETS: usize = 10;

/// After this time, API Gateway closes a socket.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
const MAX_DURATION: Duration = Duration::from_hours(2);

/// For how long after the request to open it a socket can still be opened: until then, API Gateway says that it is gone.
const OPENING: Duration = Duration::from_mins(1);

/// How long a hint may take. Who does not get it in time gets the next one.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Access to the open sockets of the deployment.
#[derive(Clone, Debug)]
pub struct Sockets {
    client: Client,
}

/// What is sent over a socket.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
enum Frame {
    /// The feed has events up to this cursor.
    #[serde(rename = "events")]
    Events { cursor: FeedCursor },
}

impl Sockets {
    /// Those at `SOCKETS_URL`, with the region and the credentials in the environment; none if it is empty.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing.
    pub fn from_env() -> Result<Option<Self>, Cause> {
        let url = connection::variable("SOCKETS_URL")?;
        if url.is_empty() {
            return Ok(None);
        }
        let (config, _) = connection::from_env_at(url)?;
        Ok(Some(Self::new(&config)))
    }

    /// Those at the endpoint of an SDK configuration.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(TIMEOUT);
        let config = Builder::from(config)
            .timeout_config(timeouts.build())
            .retry_config(RetryConfig::disabled());
        Self {
            client: Client::from_conf(config.build()),
        }
    }

    /// The same with an interceptor for all calls, for tests.
    #[must_use]
    pub fn with_interceptor(&self, interceptor: impl Intercept + 'static) -> Self {
        let config = self.client.config().to_builder();
        Self {
            client: Client::from_conf(config.interceptor(interceptor).build()),
        }
    }

    /// Sends a frame. Returns false if the socket has been closed.
    async fn send(&self, id: &ConnectionId, frame: &Frame) -> Result<bool> {
        let data = serde_json::to_vec(frame).map_err(Error::internal)?;
        let post = self.client.post_to_connection().connection_id(id.as_str());
        match post.data(Blob::new(data)).send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PostToConnectionError::GoneException(_)) => Ok(false),
                _ => Err(Error::Unavailable(error.into())),
            },
        }
    }

    /// Closes a socket, if it is open.
    async fn close(&self, id: &ConnectionId) {
        let close = self.client.delete_connection().connection_id(id.as_str());
        // If it fails, the socket gets no hints any more, and is closed in two hours.
        let _ = close.send().await;
    }
}

impl Store {
    /// The same store of a deployment with these sockets, or without any.
    #[must_use]
    pub fn with_sockets(self, sockets: impl Into<Option<Sockets>>) -> Self {
        Self {
            sockets: sockets.into(),
            ..self
        }
    }

    /// The sockets, if the function has access to them.
    #[must_use]
    pub fn sockets(&self) -> Option<&Sockets> {
        self.sockets.as_ref()
    }

    /// Adds a socket of the caller, which follows its feed from now on. Two round trips more than
    /// [`Store::start_feed`]: listener; update.
    pub async fn open_socket(&self, caller: &Caller, id: ConnectionId) -> Result<()> {
        let contact = self.start_feed(caller).await?.cursor.contact;
        let now = self.clock.now();
        let opened = Connection {
            expires_at: now.after(MAX_DURATION).into(),
            id,
        };
        let mut backoff = Backoff::default();
        loop {
            let batch = self.with_listener(BatchGet::default(), contact);
            let mut items = batch.send(&self.db).await?;
            let listener = self.take_listener(&mut items)?;
            let before = listener.map_or_else(BTreeSet::new, |listener| listener.connections);
            let mut after = before.clone();
            after.retain(|connection| connection.is_open(now));
            after.insert(opened.clone());
            let surplus = after.len().saturating_sub(MAX_SOCKETS);
            let closed: Vec<_> = (0..surplus).filter_map(|_| after.pop_first()).collect();
            if self.replace_connections(contact, &before, &after).await? {
                if let Some(sockets) = &self.sockets {
                    join_all(closed.iter().map(|closed| sockets.close(&closed.id))).await;
                }
                return Ok(());
            }
            backoff.wait("the sockets keep changing").await?;
        }
    }

    /// Replaces the connections of a listener. Returns false if they have changed.
    async fn replace_connections(
        &self,
        contact: ContactId,
        before: &BTreeSet<Connection>,
        after: &BTreeSet<Connection>,
    ) -> Result<bool> {
        let table = &self.tables.listeners;
        let key = listener::key(contact);
        let expression = "SET connections = :after";
        let is_unchanged = if before.is_empty() {
            "attribute_exists(contact_id) AND attribute_not_exists(connections)"
        } else {
            "connections = :before"
        };
        let update = Update::new(table, key, expression, is_unchanged);
        let update = update.value(":after", string_set_attr(after));
        let update = if before.is_empty() {
            update
        } else {
            update.value(":before", string_set_attr(before))
        };
        update.send(&self.db).await
    }

    /// Tells the clients of a contact that its feed has entries up to a position. Fails silently: the next hint, or the
    /// client's next look at the feed, makes up for it.
    pub(super) async fn send_hints(&self, listener: &Listener, end: Position) {
        let Some(sockets) = &self.sockets else {
            return;
        };
        let frame = Frame::Events {
            cursor: FeedCursor {
                contact: listener.contact_id,
                epoch: self.feed_epoch,
                position: end,
            },
        };
        let now = self.clock.now();
        let settled = Seconds::from(now.after(MAX_DURATION).before(OPENING));
        let open = listener.connections.iter();
        let open = open.filter(|connection| connection.is_open(now));
        let sent =
            open.map(async |connection| (connection, sockets.send(&connection.id, &frame).await));
        let mut closed = Vec::new();
        for (connection, sent) in join_all(sent).await {
            match sent {
                Ok(false) if connection.expires_at < settled => closed.push(connection),
                Ok(_) => {}
                Err(error) => {
                    let error = chain(&error);
                    tracing::warn!(error, "failed to send a hint over a socket");
                }
            }
        }
        if !closed.is_empty()
            && let Err(error) = self.remove_connections(listener.contact_id, &closed).await
        {
            let error = chain(&error);
            tracing::warn!(error, "failed to forget closed sockets");
        }
    }

    async fn remove_connections(&self, contact: ContactId, closed: &[&Connection]) -> Result<()> {
        let table = &self.tables.listeners;
        let key = listener::key(contact);
        let exists = "attribute_exists(contact_id)";
        Update::new(table, key, "DELETE connections :closed", exists)
            .value(":closed", string_set_attr(closed))
            .send(&self.db)
            .await
            .map(drop)
    }
}
