//! `DELETE /v1/conversations/:id`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Removes the caller from a conversation. When the last participant leaves, it is deleted. 202 if the caller has
/// left and the cleanup takes more than one request.
///
/// # Errors
///
/// 404 if the caller is not a participant and did not leave within the last 24 hours.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request.path_id()?;

    let progress = store.leave_conversation(caller, id).await?;

    Ok(Response::progress(progress))
}
