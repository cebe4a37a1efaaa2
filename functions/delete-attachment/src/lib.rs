//! `DELETE /v1/attachments/:id`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Removes an attachment of the caller from its message, or gives up its upload. Deleting it again succeeds.
///
/// # Errors
///
/// 404 if the caller is not a participant of the conversation; 403 if another contact has sent it; 409 if its message
/// would have nothing left.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request.path_id()?;

    store.delete_attachment(caller, id).await?;

    Ok(Response::no_content())
}
