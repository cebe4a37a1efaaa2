//! `GET /v1/conversations/:id`

use shared::http::{Request, Response};
use shared::{Error, Result, Store};

/// Answers with the conversation that has this id, to those who take part in it.
///
/// # Errors
///
/// 404 if there is no such conversation for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request
        .id()
        .ok_or(Error::ConversationNotFound { param: "id" })?;

    let conversation = store.conversation(caller, id).await?;

    Ok(Response::ok(&conversation))
}
