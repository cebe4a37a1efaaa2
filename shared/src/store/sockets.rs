//! Sockets: the WebSocket connections over which a contact learns at once that its feed has more.
//!
//! What is sent is a hint with the cursor of the feed's end, and no content. So a hint that is lost, late or repeated
//! does no harm. A client whose token has been revoked learns how many entries its feed has, and cannot read them.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::config::timeout::TimeoutConfig;
use aws_sdk_apigatewaymanagement::config::{Builder, Intercept};
use aws_sdk_apigatewaymanagement::primitives::Blob;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use serde::Serialize;
use tokio::time::sleep;

use super::Store;
use super::dynamodb::concurrency::join_bounded;
use super::dynamodb::connection;
use super::dynamodb::item::{from_item, string_set_attr};
use super::dynamodb::update::{Outcome, Update};
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

/// The status of a socket that has been closed.
const GONE: u16 = 410;

/// How many hints are sent at once.
const MAX_CONCURRENT_HINTS: usize = 64;

/// How long the hints of a batch of changes may take, and each of them half as long. A client that misses one gets the
/// next.
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
        let timeouts = TimeoutConfig::builder().operation_timeout(TIMEOUT / 2);
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
            Err(error) => match error.raw_response() {
                Some(response) if response.status().as_u16() == GONE => Ok(false),
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

    /// Adds a socket of the caller, which follows its feed from now on. One round trip more than [`Store::start_feed`],
    /// and another one to remove expired sockets, and the oldest ones if there are too many.
    pub async fn open_socket(&self, caller: &Caller, id: ConnectionId) -> Result<()> {
        let contact = self.start_feed(caller).await?.cursor.contact;
        let now = self.clock.now();
        let opened = Connection {
            expires_at: now.after(MAX_DURATION).into(),
            id,
        };
        let table = &self.tables.listeners;
        let key = listener::key(contact);
        let exists = "attribute_exists(contact_id)";
        let added = Update::new(table, key, "ADD connections :opened", exists)
            .value(":opened", string_set_attr([&opened]))
            .send_and_return(&self.db)
            .await?;
        let Outcome::Updated(listener) = added else {
            return Err(Error::internal("the contact is being erased"));
        };
        let mut others = from_item::<Listener>(listener)?.connections;
        others.remove(&opened);
        let is_expired = |connection: &Connection| !connection.is_open(now);
        let mut removed: Vec<_> = others.extract_if(.., is_expired).collect();
        let surplus = (others.len() + 1).saturating_sub(MAX_SOCKETS);
        let oldest: Vec<_> = (0..surplus).filter_map(|_| others.pop_first()).collect();
        removed.extend_from_slice(&oldest);
        if !removed.is_empty() {
            self.remove_connections(contact, removed).await?;
        }
        if let Some(sockets) = &self.sockets {
            join_all(oldest.iter().map(|oldest| sockets.close(&oldest.id))).await;
        }
        Ok(())
    }

    /// Tells the clients of contacts that their feeds have entries up to a position, for a second in all. Fails silently:
    /// the next hint, or the client's next look at the feed, makes up for it.
    pub(super) async fn send_hints(&self, hints: &[(&Listener, Position)]) {
        let Some(sockets) = &self.sockets else {
            return;
        };
        let now = self.clock.now();
        let mut frames = Vec::new();
        for (listener, end) in hints {
            let cursor = FeedCursor {
                contact: listener.contact_id,
                epoch: self.feed_epoch,
                position: *end,
            };
            let open = listener.connections.iter();
            let open = open.filter(|connection| connection.is_open(now)).cloned();
            frames.extend(open.map(|connection| (connection, cursor)));
        }
        let sent = frames.into_iter().map(async |(connection, cursor)| {
            let frame = Frame::Events { cursor };
            let sent = sockets.send(&connection.id, &frame).await;
            (cursor.contact, connection, sent)
        });
        let sent = stream::iter(sent).buffer_unordered(MAX_CONCURRENT_HINTS);
        let mut sent = pin!(sent.take_until(sleep(TIMEOUT)));
        let settled = Seconds::from(now.after(MAX_DURATION).before(OPENING));
        let mut closed: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut failure = None;
        while let Some((contact, connection, sent)) = sent.next().await {
            match sent {
                Ok(false) if connection.expires_at < settled => {
                    closed.entry(contact).or_default().push(connection);
                }
                Ok(_) => {}
                Err(error) => failure = Some(error),
            }
        }
        let closed = closed.into_iter();
        let removed =
            closed.map(|(contact, connections)| self.remove_connections(contact, connections));
        failure = failure.or(join_bounded(removed.collect()).await.err());
        if let Some(error) = failure {
            let error = chain(&error);
            tracing::warn!(error, "failed to send hints over sockets");
        }
    }

    async fn remove_connections(&self, contact: ContactId, closed: Vec<Connection>) -> Result<()> {
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
