//! `GET /v1/conversations/:id`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Returns a conversation of the caller.
///
/// # Errors
///
/// 404 if the conversation does not exist for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request.path_id()?;

    let conversation = store.get_conversation(caller, id).await?;

    Ok(Response::ok(&conversation))
}
