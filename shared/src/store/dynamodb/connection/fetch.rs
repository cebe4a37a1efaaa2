//! Gets a document from a server on the internet.

use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, USER_AGENT};
use hyper::{Request, StatusCode, Uri};

use super::pool::Endpoint;
use super::tls::Trust;
use crate::error::Cause;

/// Gets the document at an http or https URL, over a connection of its own. Follows no redirects.
///
/// # Errors
///
/// The server cannot be reached, responds with another status than 200, or with more than `max_bytes`.
pub async fn fetch(url: &str, max_bytes: usize) -> Result<Bytes, Cause> {
    let endpoint = Endpoint::new(url, Trust::System)?;
    let request = Request::get(url.parse::<Uri>()?)
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, "citypay-messages")
        .body(SdkBody::empty())?;
    let mut connection = endpoint.connect().await?;
    let response = connection.send_request(endpoint.addressed(request)).await?;
    if response.status() != StatusCode::OK {
        return Err(format!("the server responded with {}", response.status()).into());
    }
    let body = Limited::new(response.into_body(), max_bytes);
    Ok(body.collect().await?.to_bytes())
}
