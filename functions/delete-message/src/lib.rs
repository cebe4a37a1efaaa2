//! `DELETE /v1/messages/:id`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Deletes a message of the caller permanently. Deleting it again succeeds.
///
/// # Errors
///
/// 404 if the caller is not a participant of the conversation; 403 if the caller is not the author; 412 if
/// the message is not in a version that `If-Match` names.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let expected = request.if_match()?;
    let id = request.path_id()?;

    store.delete_message(caller, id, expected.as_ref()).await?;

    Ok(Response::no_content())
}
