//! `POST /v1/attachments`

use serde::Deserialize;
use shared::attachment::{FileSize, FileType, Filename, NewFile, Sha256Sum};
use shared::http::{Request, Response};
use shared::id::ConversationId;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateAttachment {
    conversation_id: ConversationId,
    filename: Filename,
    file_size: FileSize,
    file_type: Option<FileType>,
    sha256: Option<Sha256Sum>,
}

/// Creates an attachment, and returns how to upload its file to S3.
///
/// # Errors
///
/// 400 if the file is larger than allowed; 404 if the conversation does not exist for the caller; 403 if the caller
/// has not accepted it, or if the other one of two has blocked the caller; 429 if a quota is exceeded.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let CreateAttachment {
        conversation_id,
        filename,
        file_size,
        file_type,
        sha256,
    } = request.body()?;
    let file = NewFile {
        filename,
        file_type: file_type.unwrap_or_default(),
        file_size,
        sha256,
    };

    let created = store
        .create_attachment(caller, conversation_id, file)
        .await?;

    Ok(Response::created(&created)
        .located_at(&format!("/v1/attachments/{}", created.attachment.id)))
}
