//! Every request that matches no endpoint.
//!
//! API Gateway itself would return 404 in another format, and never 405.

use lambda_http::http::header::ALLOW;
use shared::http::{Request, Response};
use shared::{Error, Result, Store};

/// The paths of the endpoints and the methods of each; a segment like `:id` matches any segment.
pub const ROUTES: [(&str, &str); 29] = [
    ("/v1/attachments", "GET, POST"),
    ("/v1/attachments/:id", "GET, DELETE"),
    ("/v1/attachments/:id/file", "GET"),
    ("/v1/audit", "GET"),
    ("/v1/blocks", "GET"),
    ("/v1/blocks/:id", "PUT, DELETE"),
    ("/v1/contacts", "GET, POST"),
    ("/v1/contacts/:id", "GET, PUT, DELETE"),
    ("/v1/contacts/:id/tokens", "POST, DELETE"),
    ("/v1/conversations", "GET, POST"),
    ("/v1/conversations/:id", "GET, PUT, DELETE"),
    ("/v1/conversations/:id/participants", "POST"),
    ("/v1/conversations/:id/participants/:contact_id", "DELETE"),
    ("/v1/events", "GET"),
    ("/v1/me", "GET, PUT"),
    ("/v1/messages", "GET, POST"),
    ("/v1/messages/:id", "GET, PUT, DELETE"),
    ("/v1/messages/:id/edits", "GET"),
    ("/v1/messages/:id/report", "POST"),
    ("/v1/reports", "GET"),
    ("/v1/reports/:id", "PUT"),
    ("/v1/tokens", "GET, POST, DELETE"),
    ("/v1/tokens/:id", "DELETE"),
    ("/v1/webhooks", "GET, POST"),
    ("/v1/webhooks/:id", "GET, PUT, DELETE"),
    ("/v1/webhooks/:id/secret", "POST"),
    ("/v1/webhooks/:id/test", "POST"),
    ("/v1/webhooks/:id/deliveries", "GET"),
    ("/v1/webhooks/:id/replay", "POST"),
];

/// Returns the methods of a path for `OPTIONS`, to which API Gateway adds the CORS headers of a browser's preflight.
///
/// # Errors
///
/// 405 for any other method of a path in [`ROUTES`], 404 for any other path.
#[expect(clippy::unused_async, reason = "handlers are async")]
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
