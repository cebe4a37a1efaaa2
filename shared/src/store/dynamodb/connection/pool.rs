//! A pool of keep-alive connections to one endpoint, over HTTP/1.1, [which is what DynamoDB's
//! endpoints negotiate](https://github.com/aws/aws-sdk-go/issues/2984).
//!
//! The pool is a semaphore with one permit per connection that may be in use, and the number of permits
//! grows by one per millisecond ([`GROW_INTERVAL`]) while a call waits. So a burst of parallel calls
//! first reuses the connection that is there, because a TLS handshake costs two round trips and a million
//! instructions, and a slow call delays the others by a few milliseconds at most. The reasons for not
//! using the SDK's own client are in
//! `docs/decisions/0001-own-http-connection-pool.md`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use std::{io, mem};

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use futures_util::future::{Either, select};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::tls::{self, Trust};
use crate::error::Cause;

/// How long a call waits before the pool may open one more connection. With 5 ms, a cold send takes a
/// tenth fewer instructions, but several milliseconds longer where DynamoDB takes 3 ms to respond
/// (`--latency` of `tools/bench`).
const GROW_INTERVAL: Duration = Duration::from_millis(1);

/// How long connecting may take, including all addresses of the host and the TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection idle for longer is not used again. The SDK's client has the same limit.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// A pool of connections to one endpoint.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    /// One permit per connection that may be in use.
    permits: Semaphore,
    /// Held by the one waiting call that adds permits.
    growing: tokio::sync::Mutex<()>,
    /// Ordered by last use, the most recent last.
    idle: Mutex<Vec<(Connection, LastUse)>>,
}

/// When a connection was last used, on two clocks: while Lambda has frozen a function, the monotonic one may stand still.
#[derive(Clone, Copy, Debug)]
struct LastUse {
    instant: Instant,
    time: SystemTime,
}

impl LastUse {
    fn now() -> Self {
        Self {
            instant: Instant::now(),
            time: SystemTime::now(),
        }
    }

    /// How long ago that is, by the clock that says more.
    fn elapsed(self) -> Duration {
        // A wall clock that was set back says nothing.
        let by_wall_clock = self.time.elapsed().unwrap_or_default();
        self.instant.elapsed().max(by_wall_clock)
    }
}

/// A server, and how to connect to it.
#[derive(Debug)]
pub(super) struct Endpoint {
    host: String,
    port: u16,
    /// The `Host` header, which is signed: without the port if it is the default one.
    authority: HeaderValue,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

pub(super) type Connection = SendRequest<SdkBody>;

impl Pool {
    /// An empty pool for `endpoint`, an http or https URL.
    ///
    /// # Errors
    ///
    /// If `endpoint` is not such a URL, or the file named by `AWS_CA_BUNDLE` contains no certificate.
    pub fn new(endpoint: &str) -> Result<Self, Cause> {
        let endpoint = Endpoint::new(endpoint, Trust::Aws)?;
        Ok(Self(Arc::new(Inner {
            endpoint,
            permits: Semaphore::new(1),
            growing: tokio::sync::Mutex::default(),
            idle: Mutex::default(),
        })))
    }

    /// The pool as an HTTP client for the SDK.
    #[must_use]
    pub fn client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    /// Opens one connection before the first request. Lambda initializes a function on a full core and runs
    /// its requests on a fraction of one (`MemorySize` in `template.yaml`), so the handshake is faster here.
    ///
    /// Errors are ignored: the first request connects again and reports them.
    pub async fn connect(&self) {
        if let Ok(connection) = self.0.endpoint.connect().await {
            self.0.put_back(connection);
        }
    }
}

impl HttpConnector for Pool {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self(inner) = self.clone();
        HttpConnectorFuture::new(async move { inner.call(request).await })
    }
}

impl Inner {
    /// Sends a request and reads the whole response. The connection goes back to the pool, unless the host
    /// responded with a server error.
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x();
        let request = request.map_err(|error| ConnectorError::user(error.into()))?;
        let request = self.endpoint.addressed(request);
        let _permit = self.permit().await;
        let close_idle = CloseIdleOnFailure(self);
        let (mut connection, response) = self.send(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(failed)?.to_bytes();
        mem::forget(close_idle);
        if !head.status.is_server_error() && connection.ready().await.is_ok() {
            self.put_back(connection);
        }
        HttpResponse::try_from(Response::from_parts(head, SdkBody::from(body)))
            .map_err(|error| ConnectorError::other(error.into(), None))
    }

    /// Waits for a permit to use a connection.
    async fn permit(&self) -> SemaphorePermit<'_> {
        match select(pin!(self.permits.acquire()), pin!(self.grow())).await {
            Either::Left((permit, _)) => permit.expect("the semaphore is never closed"),
            Either::Right((never, _)) => match never {},
        }
    }

    /// Adds a permit per [`GROW_INTERVAL`] until it is dropped; of several waiting calls, one does so.
    async fn grow(&self) -> Infallible {
        let _growing = self.growing.lock().await;
        loop {
            sleep(GROW_INTERVAL).await;
            self.permits.add_permits(1);
        }
    }

    async fn send(
        &self,
        mut request: Request<SdkBody>,
    ) -> Result<(Connection, Response<Incoming>), ConnectorError> {
        while let Some(mut connection) = self.take() {
            match connection.try_send_request(request).await {
                Ok(response) => return Ok((connection, response)),
                // The host closed it while it was idle: if nothing was sent, use another connection.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(failed(error.into_error())),
                },
            }
        }
        let mut connection = self.endpoint.connect().await?;
        let response = connection.send_request(request).await.map_err(failed)?;
        Ok((connection, response))
    }

    /// The most recently used idle connection.
    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle();
        let (connection, since) = idle.pop()?;
        if since.elapsed() > IDLE_TIMEOUT {
            idle.clear();
            return None;
        }
        Some(connection)
    }

    fn put_back(&self, connection: Connection) {
        self.idle().push((connection, LastUse::now()));
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Connection, LastUse)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes all idle connections when it is dropped: when a call fails or is canceled, the other connections
/// are as old as its own and may be as dead, so the next call opens a new one.
struct CloseIdleOnFailure<'a>(&'a Inner);

impl Drop for CloseIdleOnFailure<'_> {
    fn drop(&mut self) {
        self.0.idle().clear();
    }
}

impl Endpoint {
    /// The server of an http or https URL.
    pub(super) fn new(url: &str, trust: Trust) -> Result<Self, Cause> {
        let wrong = || format!("the endpoint {url:?} is not an http or https URL");
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority.host();
        let name = host.trim_matches(['[', ']']).to_owned();
        let (default, tls) = match uri.scheme_str() {
            Some("http") => (80, None),
            Some("https") => (
                443,
                Some((tls::config(trust)?, ServerName::try_from(name.clone())?)),
            ),
            _ => return Err(wrong().into()),
        };
        let port = authority.port_u16().unwrap_or(default);
        let authority = if port == default {
            host.parse()?
        } else {
            format!("{host}:{port}").parse()?
        };
        Ok(Self {
            host: name,
            port,
            authority,
            tls,
        })
    }

    /// The request with this endpoint's `Host` header and a relative URI.
    pub(super) fn addressed(&self, mut request: Request<SdkBody>) -> Request<SdkBody> {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
        request.headers_mut().insert(HOST, self.authority.clone());
        request
    }

    pub(super) async fn connect(&self) -> Result<Connection, ConnectorError> {
        let stream = timeout(CONNECT_TIMEOUT, self.stream()).await;
        let stream = stream.map_err(|late| ConnectorError::timeout(late.into()))?;
        let stream = stream.map_err(|error| ConnectorError::io(error.into()))?;
        handshake(stream).await.map_err(failed)
    }

    /// The addresses of the host.
    pub(super) async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let addresses = lookup_host((self.host.as_str(), self.port)).await?;
        Ok(addresses.collect())
    }

    async fn stream(&self) -> io::Result<Box<dyn Stream>> {
        self.secure(TcpStream::connect((self.host.as_str(), self.port)).await?)
            .await
    }

    /// The stream with TLS, if the URL is https.
    pub(super) async fn secure(&self, stream: TcpStream) -> io::Result<Box<dyn Stream>> {
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some((tls, name)) => {
                let tls = TlsConnector::from(Arc::clone(tls));
                Box::new(tls.connect(name.clone(), stream).await?)
            }
        })
    }
}

/// Begins HTTP/1.1 over a stream.
pub(super) async fn handshake(stream: Box<dyn Stream>) -> hyper::Result<Connection> {
    let (connection, work) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(work);
    Ok(connection)
}

/// A TCP or TLS stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

fn failed(error: hyper::Error) -> ConnectorError {
    if error.is_user() {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc::{self, UnboundedReceiver};

    use super::super::testing::read_request;
    use super::*;

    /// A server that hands each accepted connection to the test.
    async fn server() -> (Pool, UnboundedReceiver<TcpStream>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, connections) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                sender.send(stream).unwrap();
            }
        });
        (Pool::new(&url).unwrap(), connections)
    }

    /// Reads a request and responds with the body `hi`.
    async fn respond(stream: &mut TcpStream) -> String {
        let request = read_request(stream).await;
        let response = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
        stream.write_all(response).await.unwrap();
        request
    }

    async fn send(pool: &Pool) -> Result<Vec<u8>, ConnectorError> {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri("http://dynamodb/path?query").unwrap();
        let response = pool.call(request).await?;
        Ok(response.body().bytes().unwrap().to_owned())
    }

    #[tokio::test]
    async fn sequential_calls_share_the_connection_opened_at_start() {
        let (pool, mut connections) = server().await;
        pool.connect().await;
        let mut stream = connections.recv().await.unwrap();
        for _ in 0..3 {
            let both = join(send(&pool), respond(&mut stream));
            let (body, request) = timeout(CONNECT_TIMEOUT, both).await.unwrap();
            assert_eq!(body.unwrap(), b"hi");
            assert!(
                request.starts_with("GET /path?query HTTP/1.1\r\n"),
                "{request}"
            );
            let host = format!("host: {}\r\n", stream.local_addr().unwrap());
            assert!(request.contains(&host), "{request}");
        }
        assert!(connections.is_empty());
    }

    #[tokio::test]
    async fn a_connection_closed_while_idle_is_replaced() {
        let (pool, mut connections) = server().await;
        pool.connect().await;
        drop(connections.recv().await.unwrap());
        let is_closed = || pool.0.idle()[0].0.is_closed();
        while !is_closed() {
            tokio::task::yield_now().await;
        }
        let served = async { respond(&mut connections.recv().await.unwrap()).await };
        let (body, _) = join(send(&pool), served).await;
        assert_eq!(body.unwrap(), b"hi");
    }

    #[tokio::test]
    async fn a_call_without_a_response_does_not_block_others() {
        let (pool, mut connections) = server().await;
        let stuck = send(&pool);
        let other = async {
            let stuck = connections.recv().await.unwrap();
            let served = async { respond(&mut connections.recv().await.unwrap()).await };
            let (body, _) = join(send(&pool), served).await;
            drop(stuck);
            body
        };
        let (stuck, other) = join(stuck, other).await;
        assert_eq!(other.unwrap(), b"hi");
        assert!(stuck.unwrap_err().is_io());
    }

    #[tokio::test]
    async fn parallel_calls_get_a_connection_each() {
        let (pool, mut connections) = server().await;
        let first = send(&pool);
        let both = async {
            let mut one = connections.recv().await.unwrap();
            let second = send(&pool);
            let responses = async {
                // Both calls are in flight before either gets a response.
                let mut other = connections.recv().await.unwrap();
                join(respond(&mut one), respond(&mut other)).await;
                [one, other]
            };
            join(second, responses).await
        };
        let (first, (second, _open)) = join(first, both).await;
        assert_eq!([first.unwrap(), second.unwrap()], [b"hi", b"hi"]);
        assert_eq!(pool.0.idle().len(), 2);
    }

    #[tokio::test]
    async fn a_canceled_call_returns_its_permit_and_closes_idle_connections() {
        let (pool, mut connections) = server().await;
        let mut call = Box::pin(send(&pool));
        let stuck = tokio::select! {
            _ = &mut call => panic!("there was no response"),
            stuck = connections.recv() => stuck,
        };
        pool.connect().await;
        drop(call);
        assert_eq!(pool.0.permits.available_permits(), 1);
        assert!(pool.0.idle().is_empty());
        drop(stuck);
    }

    #[tokio::test]
    async fn a_connection_with_a_server_error_is_not_reused() {
        let (pool, mut connections) = server().await;
        let failing = async {
            let mut stream = connections.recv().await.unwrap();
            read_request(&mut stream).await;
            let response = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(response).await.unwrap();
        };
        let (body, ()) = join(send(&pool), failing).await;
        assert_eq!(body.unwrap(), b"");
        assert!(pool.0.idle().is_empty());
    }

    #[tokio::test]
    async fn a_sent_request_is_not_retried() {
        let (pool, mut connections) = server().await;
        let cut = async {
            let mut stream = connections.recv().await.unwrap();
            read_request(&mut stream).await;
        };
        let (body, ()) = join(send(&pool), cut).await;
        assert!(body.unwrap_err().is_io());
        assert!(connections.is_empty());
    }

    #[tokio::test]
    async fn a_connection_idle_for_too_long_on_either_clock_is_not_reused() {
        let long_ago = IDLE_TIMEOUT * 2;
        let on_instant = |last_use: &mut LastUse| {
            last_use.instant = last_use.instant.checked_sub(long_ago).unwrap();
        };
        let on_wall_clock = |last_use: &mut LastUse| {
            last_use.time = last_use.time.checked_sub(long_ago).unwrap();
        };
        for age in [&on_instant as &dyn Fn(&mut LastUse), &on_wall_clock] {
            let (pool, mut connections) = server().await;
            pool.connect().await;
            let _old = connections.recv().await.unwrap();
            for (_, last_use) in pool.0.idle().iter_mut() {
                age(last_use);
            }
            let served = async { respond(&mut connections.recv().await.unwrap()).await };
            let (body, _) = join(send(&pool), served).await;
            assert_eq!(body.unwrap(), b"hi");
        }
    }

    #[test]
    fn the_host_header_omits_the_default_port() {
        for (url, host, port, header) in [
            ("http://localhost:8000", "localhost", 8000, "localhost:8000"),
            ("http://localhost:80/", "localhost", 80, "localhost"),
            ("https://[::1]:443", "::1", 443, "[::1]"),
            ("http://a@localhost", "localhost", 80, "localhost"),
        ] {
            let endpoint = Endpoint::new(url, Trust::Aws).unwrap();
            let Endpoint { authority, .. } = &endpoint;
            assert_eq!((&*endpoint.host, endpoint.port), (host, port));
            assert_eq!(authority, header);
        }
    }

    #[test]
    fn an_invalid_endpoint_is_named_in_the_error() {
        for wrong in ["", "localhost:8000", "ftp://localhost", "https://", "/"] {
            let error = Pool::new(wrong).unwrap_err().to_string();
            assert!(
                error.contains(&format!("{wrong:?} is not an http")),
                "{error}"
            );
        }
    }
}
