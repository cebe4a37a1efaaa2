//! `GET /v1/messages/:id`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Returns a message from a conversation of the caller, or 304 if the client has the same response.
///
/// # Errors
///
/// 404 if the message does not exist for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let known = request.if_none_match()?;
    let id = request.path_id()?;

    let message = store.get_message(caller, id).await?;

    Ok(Response::ok(&message)
        .tagged(message.version)
        .not_modified_if(&known))
}
