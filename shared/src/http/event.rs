//! An event as API Gateway sends it, made fit for [`lambda_http`].
//!
//! It makes a URI of the event and panics where that is none. Hosts mean nothing here, and characters
//! that no URI has mean what they would have meant if they had been encoded.

use lambda_http::LambdaEvent;
use lambda_http::http::{HeaderName, header};
use lambda_http::request::LambdaRequest;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What no query has as it is (RFC 3986), and what `%` begins is left alone.
const NO_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// The event, with a path and a query that make a URI whatever the client sent.
#[must_use]
pub fn fit(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload {
        let query = request.raw_query_string.take();
        let encoded = |query: String| utf8_percent_encode(&query, NO_QUERY).to_string();
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
