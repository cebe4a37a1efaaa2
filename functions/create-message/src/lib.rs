//! `POST /v1/messages`

use serde::Deserialize;
use shared::http::{Request, Response};
use shared::id::ConversationId;
use shared::message::Text;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateMessage {
    conversation_id: ConversationId,
    message: Text,
}

/// Sends a message to a conversation that the caller takes part in.
///
/// # Errors
///
/// 404 if there is no such conversation for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let CreateMessage {
        conversation_id,
        message,
    } = request.body()?;

    let message = store.send(caller, conversation_id, message).await?;

    Ok(Response::created(&message).at(&format!("/v1/messages/{}", message.id)))
}
