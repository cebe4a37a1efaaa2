//! `DELETE /v1/conversations/:id/participants/:contact_id`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Removes a participant from a conversation: the caller, or another one if it has a name. 202 as for leaving.
///
/// # Errors
///
/// 404 if the conversation does not exist for the caller, or if the contact is not a participant and did not
/// leave within the last 24 hours; 403 if the caller may not change the participants.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request.path_id()?;
    let participant = request.path_param("contact_id");

    let progress = store
        .remove_participant(caller, id, participant.as_ref())
        .await?;

    Ok(Response::progress(progress))
}
