//! `POST /v1/conversations/:id/participants`

use serde::Deserialize;
use shared::conversation::Participants;
use shared::http::{Request, Response};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddParticipants {
    participants: Participants,
}

/// Adds participants to a conversation with a name.
///
/// # Errors
///
/// 404 if the conversation or a contact does not exist for the caller; 403 if the caller may not change the
/// participants.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let AddParticipants { participants } = request.body()?;
    let id = request.path_id()?;

    let conversation = store.add_participants(caller, id, &participants).await?;

    Ok(Response::ok(&conversation))
}
