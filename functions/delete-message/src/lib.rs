//! `DELETE /v1/messages/:id`

use shared::http::{Request, Response};
use shared::{Error, Result, Store};

/// Deletes the caller's message for good; deleting it again is no error.
///
/// # Errors
///
/// 404 if the caller does not take part in the conversation, 403 if somebody else wrote the message, 412
/// if it is not in a version that `If-Match` names.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let expected = request.if_match()?;
    let id = request.id().ok_or(Error::MessageNotFound)?;

    store.delete(caller, id, expected.as_ref()).await?;

    Ok(Response::no_content())
}
