//! `DELETE /v1/conversations/:id`

use shared::http::{Request, Response};
use shared::{Error, Result, Store};

/// The caller leaves the conversation; the last to leave takes its messages along.
///
/// # Errors
///
/// 404 if the caller does not take part, nor did within the last day; 503 after leaving, if there is
/// more to remove than one request can: the same again goes on.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request
        .id()
        .ok_or(Error::ConversationNotFound { param: "id" })?;

    store.leave(caller, id).await?;

    Ok(Response::no_content())
}
