//! Sends a POST request to a URL that a client has chosen.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};
use hyper::header::{RETRY_AFTER, USER_AGENT};
use hyper::{Request, Uri};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::pool::{Endpoint, handshake};
use super::tls::Trust;
use crate::error::Cause;

/// The most bytes of a response that are read, in order to be dropped.
const MAX_RESPONSE: usize = 16 * 1024;

/// The statuses whose `Retry-After` counts.
const BUSY: [u16; 2] = [429, 503];

/// What is posted.
pub struct Post<'a, const HEADERS: usize> {
    /// An http or https URL.
    pub url: &'a str,
    pub headers: [(&'static str, String); HEADERS],
    pub body: Vec<u8>,
    /// Which addresses may be connected to. A host that has others, too, is not connected to at all.
    pub is_allowed: fn(IpAddr) -> bool,
    /// For everything, the response included.
    pub timeout: Duration,
}

/// What the server has responded.
#[derive(Clone, Copy, Debug)]
pub struct Posted {
    pub status: u16,
    /// How long it wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Posted {
    /// Whether the server says that it gets too much.
    pub fn is_busy(&self) -> bool {
        BUSY.contains(&self.status)
    }
}

/// Why there was no response.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// For example, the name does not exist.
    #[error("the name of the host cannot be resolved")]
    NameNotResolved(#[source] io::Error),
    /// The host has an address that is not allowed.
    #[error("{0} is not a public address")]
    AddressNotPublic(IpAddr),
    /// No address of the host can be connected to.
    #[error("the host cannot be connected to")]
    ConnectionFailed(#[source] io::Error),
    /// For example, the certificate is not valid.
    #[error("TLS failed")]
    TlsFailed(#[source] io::Error),
    /// The response was not complete in time.
    #[error("there was no response in time")]
    TimedOut,
    /// The connection was closed before the response, or the response is not HTTP.
    #[error("there was no valid response")]
    InvalidResponse(#[source] hyper::Error),
    /// The request could not be made: no fault of the server.
    #[error(transparent)]
    Internal(#[from] Cause),
}

impl PostError {
    /// The `last_error` of a delivery whose attempt ended with this.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NameNotResolved(_) => "name_not_resolved",
            Self::AddressNotPublic(_) => "address_not_public",
            Self::ConnectionFailed(_) => "connection_failed",
            Self::TlsFailed(_) => "tls_failed",
            Self::TimedOut => "timed_out",
            Self::InvalidResponse(_) => "invalid_response",
            Self::Internal(_) => "internal_error",
        }
    }

    /// Whether the server has no part in it.
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Internal(_))
    }
}

/// Posts over a connection of its own. Follows no redirects and uses no proxy.
///
/// # Errors
///
/// If there was no response.
pub async fn post<const HEADERS: usize>(post: Post<'_, HEADERS>) -> Result<Posted, PostError> {
    let sent = timeout(post.timeout, send(post)).await;
    sent.unwrap_or(Err(PostError::TimedOut))
}

async fn send<const HEADERS: usize>(post: Post<'_, HEADERS>) -> Result<Posted, PostError> {
    let endpoint = Endpoint::new(post.url, Trust::System)?;
    let is_allowed = post.is_allowed;
    let request = endpoint.addressed(request(post)?);
    // Resolved once, so that what is connected to is what was checked.
    let addresses = endpoint.addresses().await;
    let addresses = addresses.map_err(PostError::NameNotResolved)?;
    if let Some(refused) = addresses.iter().find(|address| !is_allowed(address.ip())) {
        return Err(PostError::AddressNotPublic(refused.ip()));
    }
    let stream = TcpStream::connect(&*addresses).await;
    let stream = stream.map_err(PostError::ConnectionFailed)?;
    let stream = endpoint
        .secure(stream)
        .await
        .map_err(PostError::TlsFailed)?;
    let response = async { handshake(stream).await?.send_request(request).await };
    let response = response.await.map_err(PostError::InvalidResponse)?;
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    let posted = Posted {
        status: response.status().as_u16(),
        retry_after: retry_after.map(Duration::from_secs),
    };
    // Its status counts, whatever else it sends.
    let _ = Limited::new(response.into_body(), MAX_RESPONSE)
        .collect()
        .await;
    Ok(posted)
}

fn request<const HEADERS: usize>(post: Post<'_, HEADERS>) -> Result<Request<SdkBody>, Cause> {
    let mut request =
        Request::post(post.url.parse::<Uri>()?).header(USER_AGENT, "citypay-messages");
    for (name, value) in post.headers {
        request = request.header(name, value);
    }
    Ok(request.body(SdkBody::from(post.body))?)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::super::testing::read_request;
    use super::*;

    const ENOUGH: Duration = Duration::from_mins(1);

    async fn post_to(
        url: &str,
        is_allowed: fn(IpAddr) -> bool,
        timeout: Duration,
    ) -> Result<Posted, PostError> {
        let posted = post(Post {
            url,
            headers: [],
            body: Vec::new(),
            is_allowed,
            timeout,
        });
        posted.await
    }

    /// Why there was no response from a URL.
    async fn reason_of(url: &str) -> &'static str {
        let posted = post_to(url, |_| true, ENOUGH).await;
        posted.unwrap_err().reason()
    }

    /// A server that responds to one request with these bytes, and then closes the connection.
    async fn server(response: &'static [u8]) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(response).await.unwrap();
        });
        address
    }

    #[tokio::test]
    async fn each_failure_has_its_reason() {
        assert_eq!(reason_of("http://127.0.0.1:1/").await, "connection_failed");
        // Two dots are in no name, so no name server is asked.
        assert_eq!(reason_of("http://no..name/").await, "name_not_resolved");
        for response in [&b""[..], b"not HTTP"] {
            let url = format!("http://{}/", server(response).await);
            assert_eq!(reason_of(&url).await, "invalid_response");
        }
        let url = format!("https://{}/", server(b"not TLS").await);
        assert_eq!(reason_of(&url).await, "tls_failed");
        assert_eq!(reason_of("ftp://localhost/").await, "internal_error");
    }

    #[tokio::test]
    async fn an_address_that_is_not_allowed_is_not_connected_to() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let refused = post_to(&url, |address| !address.is_loopback(), ENOUGH).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.reason(), "address_not_public");
        assert_eq!(refused.to_string(), "127.0.0.1 is not a public address");
        let connected = timeout(Duration::from_millis(50), listener.accept());
        assert!(connected.await.is_err());
    }

    #[tokio::test]
    async fn a_response_that_is_not_complete_in_time_times_out() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        for begun in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhi"] {
            let late = post_to(&url, |_| true, Duration::from_millis(50));
            let held = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                read_request(&mut stream).await;
                stream.write_all(begun).await.unwrap();
                stream
            };
            let (late, _stream) = join(late, held).await;
            assert_eq!(late.unwrap_err().reason(), "timed_out");
        }
    }
}
