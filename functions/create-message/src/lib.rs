//! `POST /v1/messages`

use serde::Deserialize;
use shared::attachment::AttachmentIds;
use shared::error::Invalid;
use shared::http::{Request, Response};
use shared::id::{ConversationId, MessageId};
use shared::message::Text;
use shared::metadata::{Metadata, MetadataUpdate};
use shared::store::{CreatedMessage, NewMessage};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateMessage {
    conversation_id: ConversationId,
    message: Option<Text>,
    attachments: Option<AttachmentIds>,
    reply_to: Option<MessageId>,
    #[serde(default)]
    metadata: MetadataUpdate,
}

/// Sends a message to a conversation of the caller; with an `Idempotency-Key`, exactly once.
///
/// # Errors
///
/// 404 if the conversation, the message to reply to or an attachment does not exist for the caller, or if the message that was sent with the
/// key has been deleted; 409 if an attachment has been sent before, or its file has not been uploaded; 422 if the key
/// was used for another message.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let CreateMessage {
        conversation_id,
        message,
        attachments,
        reply_to,
        metadata,
    } = request.body()?;
    let message = NewMessage::new(message, attachments.unwrap_or_default());
    let message = message.ok_or_else(|| Invalid::Missing {
        param: "message".to_owned(),
    })?;
    if reply_to.is_some_and(|message| message.conversation() != conversation_id) {
        let problem = "must be the id of a message of this conversation";
        return Err(Invalid::value("reply_to", problem).into());
    }
    let message = message.replying_to(reply_to);
    let message = message.with_metadata(metadata.apply(&Metadata::default())?);
    let key = request.idempotency_key()?;

    let CreatedMessage { message, replayed } = store
        .create_message(caller, conversation_id, message, key)
        .await?;

    Ok(Response::created(&message)
        .located_at(&format!("/v1/messages/{}", message.id))
        .tagged(message.version)
        .replayed_if(replayed))
}
