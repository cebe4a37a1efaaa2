//! Sanitizes API Gateway events for [`lambda_http`], which panics if path and query are not a URI.

use lambda_http::LambdaEvent;
use lambda_http::http::{HeaderName, header};
use lambda_http::request::LambdaRequest;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Characters that a query string cannot contain (RFC 3986). `%` is left alone, as it may begin an
/// encoded character.
const NOT_IN_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// Percent-encodes invalid characters in the query string, adds a missing `/` at the start of the path, and removes host
/// names, which have no meaning here.
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
        request.headers.remove(header::HOST);
        let scheme = HeaderName::from_static("x-forwarded-proto");
        request.headers.remove(scheme);
        request.request_context.domain_name = None;
    }
    event
}
