//! `GET /v1/messages/:id`

use shared::http::{Request, Response};
use shared::{Error, Result, Store};

/// Answers with the message that has this id, to those who take part in its conversation; with 304 if
/// they have it already.
///
/// # Errors
///
/// 404 if there is no such message for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let known = request.if_none_match()?;
    let id = request.id().ok_or(Error::MessageNotFound)?;

    let message = store.message(caller, id).await?;

    Ok(Response::ok(&message)
        .tagged(message.version)
        .not_modified_if(&known))
}
