//! `POST /v1/conversations`

use serde::Deserialize;
use shared::conversation::{Name, Participants};
use shared::http::{Request, Response};
use shared::metadata::{Metadata, MetadataUpdate};
use shared::store::{CreatedConversation, NewConversation};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateConversation {
    participants: Participants,
    name: Option<Name>,
    #[serde(default)]
    metadata: MetadataUpdate,
}

/// Creates a conversation of the caller and others, or returns the unnamed one that the two already have.
///
/// # Errors
///
/// 404 if a participant does not exist.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let CreateConversation {
        participants,
        name,
        metadata,
    } = request.body()?;

    let new = NewConversation {
        participants,
        name,
        metadata: metadata.apply(&Metadata::default())?,
    };
    let created = store.create_conversation(caller, new).await?;

    Ok(match created {
        CreatedConversation::New(conversation) => {
            let location = format!("/v1/conversations/{}", conversation.id);
            Response::created(&conversation).located_at(&location)
        }
        CreatedConversation::Existing(conversation) => Response::ok(&conversation),
    })
}
