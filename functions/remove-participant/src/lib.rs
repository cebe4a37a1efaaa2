//! `DELETE /v1/conversations/:id/participants/:contact_id`

use shared::http::{Request, Response};
use shared::{Error, Result, Store};

/// Ends somebody's part in a conversation: the caller's own, or another's in one with a name.
///
/// # Errors
///
/// 404 if there is no such conversation for the caller, or the contact does not take part, nor did
/// within the last day; 403 if somebody else may say who takes part; 503 as when leaving.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request
        .id()
        .ok_or(Error::ConversationNotFound { param: "id" })?;
    let participant = request.id_named("contact_id");

    store.remove_participant(caller, id, participant).await?;

    Ok(Response::no_content())
}
