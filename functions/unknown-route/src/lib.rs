//! Everything that is no endpoint.
//!
//! API Gateway would answer it by itself, but in a shape of its own and without a 405.

use lambda_http::http::header::ALLOW;
use shared::http::{Request, Response};
use shared::{Error, Result, Store};

/// The paths that exist and what each of them answers to; `:id` and the like are any one segment.
pub const ROUTES: [(&str, &str); 11] = [
    ("/v1/contacts", "GET"),
    ("/v1/contacts/:id", "GET"),
    ("/v1/conversations", "GET, POST"),
    ("/v1/conversations/:id", "GET, PUT, DELETE"),
    ("/v1/conversations/:id/participants", "POST"),
    ("/v1/conversations/:id/participants/:contact_id", "DELETE"),
    ("/v1/me", "GET, PUT"),
    ("/v1/messages", "GET, POST"),
    ("/v1/messages/:id", "GET, PUT, DELETE"),
    ("/v1/tokens", "GET, POST"),
    ("/v1/tokens/:id", "DELETE"),
];

/// Answers that there is nothing here, or to `OPTIONS` what there is.
///
/// With CORS, API Gateway adds its headers to the latter: that is what a browser's preflight gets.
///
/// # Errors
///
/// 405 for any other method on a path that exists, 404 on any other path.
#[expect(clippy::unused_async, reason = "every handler is")]
pub async fn handle(_: Store, request: Request) -> Result<Response> {
    match ROUTES
        .into_iter()
        .find(|(pattern, _)| matches(pattern, request.path()))
    {
        Some((_, allow)) if request.method() == "OPTIONS" => {
            Ok(Response::no_content().with(ALLOW, allow))
        }
        Some((_, allow)) => Err(Error::MethodNotAllowed { allow }),
        None => Err(Error::RouteNotFound),
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.split('/'), path.split('/'));
    pattern.clone().count() == path.clone().count()
        && pattern.zip(path).all(|(expected, given)| {
            expected == given || (expected.starts_with(':') && !given.is_empty())
        })
}
