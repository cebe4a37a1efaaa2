//! Connections to one endpoint, kept for the next call: HTTP/1.1, [which is what DynamoDB's endpoints
//! negotiate](https://github.com/aws/aws-sdk-go/issues/2984).
//!
//! A call that finds none free waits a moment, because a handshake takes two round trips, and a million
//! instructions of a share of a core. While calls wait, there is one more connection each [`PATIENCE`]: those
//! made side by side soon have one each, and a slow one holds up none for long. (The SDK's client opens one at
//! once for each call that finds none free, and keeps more than are then used.)

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
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
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::tls;
use crate::error::Cause;

/// How long calls wait for each other. With five times as much, a cold send takes a tenth fewer instructions,
/// and some milliseconds more where DynamoDB takes three for an answer (`--latency` of `tools/bench`).
const PATIENCE: Duration = Duration::from_millis(1);

/// How long opening a connection may take, with all addresses that the host has.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// After how long without a call a connection is taken to be closed, as the SDK's client does.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// The connections to an endpoint.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    /// One for each connection that may be in use.
    turns: Semaphore,
    /// Who waits first.
    first_in_line: tokio::sync::Mutex<()>,
    /// The one used last at the end.
    idle: Mutex<Vec<(Connection, Instant)>>,
}

#[derive(Debug)]
struct Endpoint {
    host: String,
    port: u16,
    /// The same as the header has it, and the signature: without the port that goes without saying.
    authority: HeaderValue,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

type Connection = SendRequest<SdkBody>;

impl Pool {
    /// No connection yet to `endpoint`, a URL of http or https.
    ///
    /// # Errors
    ///
    /// If `endpoint` is no such URL, or the file that `AWS_CA_BUNDLE` names has no certificates.
    pub fn new(endpoint: &str) -> Result<Self, Cause> {
        let endpoint = Endpoint::new(endpoint)?;
        Ok(Self(Arc::new(Inner {
            endpoint,
            turns: Semaphore::new(1),
            first_in_line: tokio::sync::Mutex::default(),
            idle: Mutex::default(),
        })))
    }

    /// These connections, as the SDK uses them.
    #[must_use]
    pub fn client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    /// Opens the connection that the first request will want. A function starts on a whole core and answers
    /// on a fraction of one (`MemorySize` in `template.yaml`), so here the handshake takes a client less time
    /// than within its request.
    ///
    /// What goes wrong here goes wrong again, or not, in that request.
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
    /// Sends a request and takes in its answer; by then the connection serves for the next, but for one whose
    /// host has failed.
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x();
        let request = request.map_err(|error| ConnectorError::user(error.into()))?;
        let request = self.endpoint.addressed(request);
        let _turn = self.turn().await;
        let unanswered = Unanswered(self);
        let (mut connection, response) = self.send(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(failed)?.to_bytes();
        mem::forget(unanswered);
        if !head.status.is_server_error() && connection.ready().await.is_ok() {
            self.put_back(connection);
        }
        HttpResponse::try_from(Response::from_parts(head, SdkBody::from(body)))
            .map_err(|error| ConnectorError::other(error.into(), None))
    }

    /// Waits for the turn to use a connection.
    async fn turn(&self) -> SemaphorePermit<'_> {
        match select(pin!(self.turns.acquire()), pin!(self.lose_patience())).await {
            Either::Left((turn, _)) => turn.expect("turns are never closed"),
            Either::Right((never, _)) => match never {},
        }
    }

    /// Adds turns while somebody waits.
    async fn lose_patience(&self) -> Infallible {
        let _first = self.first_in_line.lock().await;
        loop {
            sleep(PATIENCE).await;
            self.turns.add_permits(1);
        }
    }

    async fn send(
        &self,
        mut request: Request<SdkBody>,
    ) -> Result<(Connection, Response<Incoming>), ConnectorError> {
        while let Some(mut connection) = self.take() {
            match connection.try_send_request(request).await {
                Ok(response) => return Ok((connection, response)),
                // It was closed meanwhile: if nothing was sent, another serves.
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

    /// The connection that was used last, if there is one.
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
        self.idle().push((connection, Instant::now()));
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call without an answer, as long as there is none. If it ends so, failed or given up, the connections
/// left are as old as its own, and may be as dead: the next opens one.
struct Unanswered<'a>(&'a Inner);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.idle().clear();
    }
}

impl Endpoint {
    fn new(url: &str) -> Result<Self, Cause> {
        let wrong = || format!("DynamoDB's endpoint, {url:?}, is no URL of http or https");
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority.host();
        let name = host.trim_matches(['[', ']']).to_owned();
        let (default, tls) = match uri.scheme_str() {
            Some("http") => (80, None),
            Some("https") => (
                443,
                Some((tls::config()?, ServerName::try_from(name.clone())?)),
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

    /// The request as it is sent to this endpoint.
    fn addressed(&self, mut request: Request<SdkBody>) -> Request<SdkBody> {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
        request.headers_mut().insert(HOST, self.authority.clone());
        request
    }

    async fn connect(&self) -> Result<Connection, ConnectorError> {
        let stream = timeout(CONNECT_TIMEOUT, self.stream()).await;
        let stream = stream.map_err(|late| ConnectorError::timeout(late.into()))?;
        let stream = stream.map_err(|error| ConnectorError::io(error.into()))?;
        let stream = TokioIo::new(stream);
        let (connection, work) = http1::handshake(stream).await.map_err(failed)?;
        tokio::spawn(work);
        Ok(connection)
    }

    async fn stream(&self) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
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

/// What passes both ways, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc::{self, UnboundedReceiver};

    use super::*;

    /// A host of which the test has each connection as it comes.
    async fn host() -> (Pool, UnboundedReceiver<TcpStream>) {
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

    /// Takes in a request; what was asked.
    async fn hear(stream: &mut TcpStream) -> String {
        let mut request = vec![0; 1000];
        let length = stream.read(&mut request).await.unwrap();
        assert_ne!(length, 0);
        String::from_utf8_lossy(&request[..length]).into_owned()
    }

    /// Takes in a request and answers it; what was asked.
    async fn answer(stream: &mut TcpStream) -> String {
        let request = hear(stream).await;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
        stream.write_all(answer).await.unwrap();
        request
    }

    async fn asks(pool: &Pool) -> Result<Vec<u8>, ConnectorError> {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri("http://dynamodb/path?query").unwrap();
        let response = pool.call(request).await?;
        Ok(response.body().bytes().unwrap().to_owned())
    }

    #[tokio::test]
    async fn calls_after_each_other_share_the_connection_that_was_opened_before() {
        let (pool, mut connections) = host().await;
        pool.connect().await;
        let mut stream = connections.recv().await.unwrap();
        for _ in 0..3 {
            let both = join(asks(&pool), answer(&mut stream));
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
    async fn a_connection_that_was_closed_meanwhile_is_replaced() {
        let (pool, mut connections) = host().await;
        pool.connect().await;
        drop(connections.recv().await.unwrap());
        let is_closed = || pool.0.idle()[0].0.is_closed();
        while !is_closed() {
            tokio::task::yield_now().await;
        }
        let served = async { answer(&mut connections.recv().await.unwrap()).await };
        let (body, _) = join(asks(&pool), served).await;
        assert_eq!(body.unwrap(), b"hi");
    }

    #[tokio::test]
    async fn a_call_that_is_not_answered_holds_up_no_other_for_long() {
        let (pool, mut connections) = host().await;
        let stuck = asks(&pool);
        let other = async {
            let stuck = connections.recv().await.unwrap();
            let served = async { answer(&mut connections.recv().await.unwrap()).await };
            let (body, _) = join(asks(&pool), served).await;
            drop(stuck);
            body
        };
        let (stuck, other) = join(stuck, other).await;
        assert_eq!(other.unwrap(), b"hi");
        assert!(stuck.unwrap_err().is_io());
    }

    #[tokio::test]
    async fn calls_side_by_side_soon_have_a_connection_each() {
        let (pool, mut connections) = host().await;
        let first = asks(&pool);
        let both = async {
            let mut one = connections.recv().await.unwrap();
            let second = asks(&pool);
            let answers = async {
                // Each is answered when both are under way.
                let mut other = connections.recv().await.unwrap();
                join(answer(&mut one), answer(&mut other)).await;
                [one, other]
            };
            join(second, answers).await
        };
        let (first, (second, _open)) = join(first, both).await;
        assert_eq!([first.unwrap(), second.unwrap()], [b"hi", b"hi"]);
        assert_eq!(pool.0.idle().len(), 2);
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_leaves_its_turn_and_no_connection() {
        let (pool, mut connections) = host().await;
        let mut call = Box::pin(asks(&pool));
        let stuck = tokio::select! {
            _ = &mut call => panic!("nobody has answered"),
            stuck = connections.recv() => stuck,
        };
        pool.connect().await;
        drop(call);
        assert_eq!(pool.0.turns.available_permits(), 1);
        assert!(pool.0.idle().is_empty());
        drop(stuck);
    }

    #[tokio::test]
    async fn a_host_that_fails_is_asked_over_another_connection() {
        let (pool, mut connections) = host().await;
        let failing = async {
            let mut stream = connections.recv().await.unwrap();
            hear(&mut stream).await;
            let answer = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        };
        let (body, ()) = join(asks(&pool), failing).await;
        assert_eq!(body.unwrap(), b"");
        assert!(pool.0.idle().is_empty());
    }

    #[tokio::test]
    async fn a_request_that_was_sent_is_not_sent_again() {
        let (pool, mut connections) = host().await;
        let cut = async {
            let mut stream = connections.recv().await.unwrap();
            hear(&mut stream).await;
        };
        let (body, ()) = join(asks(&pool), cut).await;
        assert!(body.unwrap_err().is_io());
        assert!(connections.is_empty());
    }

    #[tokio::test]
    async fn a_connection_unused_for_long_is_not_used() {
        let (pool, mut connections) = host().await;
        pool.connect().await;
        let _old = connections.recv().await.unwrap();
        for (_, since) in pool.0.idle().iter_mut() {
            *since = since.checked_sub(IDLE_TIMEOUT * 2).unwrap();
        }
        let served = async { answer(&mut connections.recv().await.unwrap()).await };
        let (body, _) = join(asks(&pool), served).await;
        assert_eq!(body.unwrap(), b"hi");
    }

    #[test]
    fn the_host_is_written_as_it_is_signed() {
        for (url, host, port, header) in [
            ("http://localhost:8000", "localhost", 8000, "localhost:8000"),
            ("http://localhost:80/", "localhost", 80, "localhost"),
            ("https://[::1]:443", "::1", 443, "[::1]"),
            ("http://a@localhost", "localhost", 80, "localhost"),
        ] {
            let endpoint = Endpoint::new(url).unwrap();
            let Endpoint { authority, .. } = &endpoint;
            assert_eq!((&*endpoint.host, endpoint.port), (host, port));
            assert_eq!(authority, header);
        }
    }

    #[test]
    fn an_endpoint_that_is_none_is_named() {
        for wrong in ["", "localhost:8000", "ftp://localhost", "https://", "/"] {
            let error = Pool::new(wrong).unwrap_err().to_string();
            assert!(error.contains(&format!("{wrong:?}, is no URL")), "{error}");
        }
    }
}
