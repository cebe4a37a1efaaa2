//! `POST /v1/messages`

use serde::Deserialize;
use shared::http::{Request, Response};
use shared::id::ConversationId;
use shared::message::Text;
use shared::store::CreatedMessage;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateMessage {
    conversation_id: ConversationId,
    message: Text,
}

/// Sends a message to a conversation of the caller; with an `Idempotency-Key`, exactly once.
///
/// # Errors
///
/// 404 if the conversation does not exist for the caller, or if the message that was sent with the key has
/// been deleted; 422 if the key was used for another message.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let CreateMessage {
        conversation_id,
        message,
    } = request.body()?;
    let key = request.idempotency_key()?;

    let CreatedMessage { message, replayed } = store
        .create_message(caller, conversation_id, message, key)
        .await?;

    Ok(Response::created(&message)
        .located_at(&format!("/v1/messages/{}", message.id))
        .tagged(message.version)
        .replayed_if(replayed))
}
