//! `DELETE /v1/messages/:id`

use shared::http::{Request, Response};
use shared::{Error, Result, Store};

/// Deletes the caller's message for good; deleting it again is no error.
///
/// # Errors
///
/// 404 if the caller does not take part in the conversation, 403 if somebody else wrote the message.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request.id().ok_or(Error::MessageNotFound)?;

    store.delete(caller, id).await?;

    Ok(Response::no_content())
}
