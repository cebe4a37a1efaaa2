//! `PUT /v1/messages/:id`

mod reactions;

use serde::Deserialize;
use shared::attachment::AttachmentIds;
use shared::error::Invalid;
use shared::http::{Request, Response};
use shared::message::Text;
use shared::metadata::MetadataUpdate;
use shared::store::MessageUpdate;
use shared::{Result, Store};

use reactions::Reactions;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateMessage {
    message: Option<Text>,
    reactions: Option<Reactions>,
    attachments: Option<AttachmentIds>,
    #[serde(default)]
    metadata: MetadataUpdate,
    is_pinned: Option<bool>,
    read: Option<bool>,
}

/// Edits a message of the caller or its metadata, or adds attachments to it; adds or removes the caller's reactions;
/// pins or unpins a message, or marks it as read.
///
/// # Errors
///
/// 404 if the message or an attachment does not exist for the caller; 403 if the caller edits another contact's message
/// or reacts as another contact; 409 if an attachment belongs to another message, its file has not been uploaded, or too many messages are pinned;
/// 412 if the message is not in a version that `If-Match` names. Nothing is
/// changed then.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let mut update = request.body::<UpdateMessage>()?.into_update()?;
    update.expected = request.if_match()?;
    let id = request.path_id()?;

    let message = store.update_message(caller, id, &update).await?;

    Ok(Response::ok(&message).tagged(message.version))
}

impl UpdateMessage {
    fn into_update(self) -> Result<MessageUpdate, Invalid> {
        match self {
            Self {
                message: None,
                reactions: None,
                attachments: None,
                metadata,
                is_pinned: None,
                read: None,
            } if metadata.is_absent() => Err(Invalid::NoneOf {
                params: "message, reactions, attachments, metadata, is_pinned, read",
            }),
            Self {
                read: Some(false), ..
            } => Err(Invalid::value(
                "read",
                "can only be true: a message cannot be marked as unread",
            )),
            Self {
                message,
                reactions,
                attachments,
                metadata,
                is_pinned,
                read,
            } => Ok(MessageUpdate {
                message,
                reactions: reactions.unwrap_or_default().0,
                attachments: attachments.unwrap_or_default(),
                metadata,
                is_pinned,
                read: read.unwrap_or_default(),
                expected: None,
            }),
        }
    }
}
