//! `POST /v1/conversations/:id/participants`

use serde::Deserialize;
use shared::conversation::Participants;
use shared::http::{Request, Response};
use shared::{Error, Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddParticipants {
    participants: Participants,
}

/// Lets others take part in a conversation with a name, too.
///
/// # Errors
///
/// 404 if there is no such conversation for the caller, or no such contact; 403 if somebody else may
/// say who takes part.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let AddParticipants { participants } = request.body()?;
    let id = request
        .id()
        .ok_or(Error::ConversationNotFound { param: "id" })?;

    let conversation = store.add_participants(caller, id, &participants).await?;

    Ok(Response::ok(&conversation))
}
