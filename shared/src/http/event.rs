//! Sanitizes API Gateway events for [`lambda_http`], which panics if path and query are not a URI.

use lambda_http::LambdaEvent;
use lambda_http::http::uri::Authority;
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, header};
use lambda_http::request::LambdaRequest;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Characters that a query string cannot contain (RFC 3986). `%` is left alone, as it may begin an
/// encoded character.
const NOT_IN_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// The header in which the request's scheme and host are, of which [`lambda_http`] would make a URL that may be invalid.
pub(super) const ORIGIN: HeaderName = HeaderName::from_static("x-origin");

/// Percent-encodes invalid characters in the query string, adds a missing `/` at the start of the path, and replaces the
/// names of the host by `ORIGIN`.
#[must_use]
pub fn sanitize_event(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload {
        let query = request.raw_query_string.take();
        let encoded = |query: String| utf8_percent_encode(&query, NOT_IN_QUERY).to_string();
        request.raw_query_string = query.map(encoded);
        let path = request.raw_path.take().unwrap_or_default();
        request.raw_path = Some(if path.starts_with('/') {
            path
        } else {
            format!("/{path}")
        });
        let origin = take_origin(&mut request.headers);
        request.headers.remove(ORIGIN);
        if let Some(origin) = origin {
            request.headers.insert(ORIGIN, origin);
        }
        request.request_context.domain_name = None;
    }
    event
}

/// Removes the names of the host. Returns its scheme and name, if both are valid.
fn take_origin(headers: &mut HeaderMap) -> Option<HeaderValue> {
    let host = headers.remove(header::HOST);
    let scheme = headers.remove(HeaderName::from_static("x-forwarded-proto"));
    let host: Authority = host?.as_bytes().try_into().ok()?;
    let scheme = scheme.filter(|scheme| scheme == "http" || scheme == "https")?;
    // Without a name of a user and whatever else a client may have added.
    let port = host.port().map(|port| format!(":{port}"));
    let (scheme, port) = (scheme.to_str().ok()?, port.unwrap_or_default());
    format!("{scheme}://{}{port}", host.host()).try_into().ok()
}
