//! `POST /v1/messages`

use serde::Deserialize;
use shared::http::{Request, Response};
use shared::id::ConversationId;
use shared::message::Text;
use shared::store::Sent;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateMessage {
    conversation_id: ConversationId,
    message: Text,
}

/// Sends a message to a conversation that the caller takes part in; under an `Idempotency-Key` once.
///
/// # Errors
///
/// 404 if there is no such conversation for the caller, or what was sent under the key has been deleted;
/// 422 if something else was sent under it.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let CreateMessage {
        conversation_id,
        message,
    } = request.body()?;

    let key = request.idempotency_key()?;

    let Sent { message, replayed } = store.send(caller, conversation_id, message, key).await?;

    let response = Response::created(&message)
        .at(&format!("/v1/messages/{}", message.id))
        .tagged(message.version);
    Ok(if replayed {
        response.replayed()
    } else {
        response
    })
}
