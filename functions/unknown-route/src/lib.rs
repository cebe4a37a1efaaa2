//! Everything that is no endpoint.
//!
//! API Gateway would answer it by itself, but in a shape of its own and without a 405.

use shared::http::{Request, Response};
use shared::{Error, Result, Store};

/// The paths that exist and what each of them answers to; `:id` is any one segment.
pub const ROUTES: [(&str, &str); 2] = [
    ("/v1/messages", "GET, POST"),
    ("/v1/messages/:id", "GET, PUT, DELETE"),
];

/// Answers that there is nothing here.
///
/// # Errors
///
/// Always: 405 on a path that exists, 404 on any other.
#[expect(clippy::unused_async, reason = "every handler is")]
pub async fn handle(_: Store, request: Request) -> Result<Response> {
    match ROUTES
        .into_iter()
        .find(|(pattern, _)| matches(pattern, request.path()))
    {
        Some((_, allow)) => Err(Error::MethodNotAllowed { allow }),
        None => Err(Error::RouteNotFound),
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.split('/'), path.split('/'));
    pattern.clone().count() == path.clone().count()
        && pattern
            .zip(path)
            .all(|(expected, given)| expected == given || (expected == ":id" && !given.is_empty()))
}
