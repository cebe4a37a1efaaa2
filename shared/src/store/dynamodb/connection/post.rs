//! Sends a POST request to a URL that a client has chosen.

use std::net::IpAddr;
use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};
use hyper::header::{RETRY_AFTER, USER_AGENT};
use hyper::{Request, Uri};
use tokio::time::timeout;

use super::pool::Endpoint;
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

/// Posts over a connection of its own. Follows no redirects and uses no proxy.
///
/// # Errors
///
/// The server cannot be reached, has an address that is not allowed, or has not responded in time.
pub async fn post<const HEADERS: usize>(post: Post<'_, HEADERS>) -> Result<Posted, Cause> {
    timeout(post.timeout, send(post)).await?
}

async fn send<const HEADERS: usize>(post: Post<'_, HEADERS>) -> Result<Posted, Cause> {
    let endpoint = Endpoint::new(post.url, Trust::System)?;
    let mut request =
        Request::post(post.url.parse::<Uri>()?).header(USER_AGENT, "citypay-messages");
    for (name, value) in post.headers {
        request = request.header(name, value);
    }
    let request = request.body(SdkBody::from(post.body))?;
    let mut connection = endpoint.connect_if(post.is_allowed).await?;
    let response = connection.send_request(endpoint.addressed(request)).await?;
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
