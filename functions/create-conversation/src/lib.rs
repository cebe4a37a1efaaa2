//! `POST /v1/conversations`

use serde::Deserialize;
use shared::conversation::{Name, Participants};
use shared::http::{Request, Response};
use shared::store::{Begun, NewConversation};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateConversation {
    participants: Participants,
    name: Option<Name>,
}

/// Begins a conversation of the caller and others; where two contacts have one without a name, it is that.
///
/// # Errors
///
/// 404 if one of the participants does not exist.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let CreateConversation { participants, name } = request.body()?;

    let begun = store
        .begin(caller, NewConversation { participants, name })
        .await?;

    Ok(match begun {
        Begun::New(conversation) => {
            Response::created(&conversation).at(&format!("/v1/conversations/{}", conversation.id))
        }
        Begun::Existing(conversation) => Response::ok(&conversation),
    })
}
