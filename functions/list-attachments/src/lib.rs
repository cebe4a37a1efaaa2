//! `GET /v1/attachments`

use serde::Deserialize;
use shared::error::Invalid;
use shared::http::{self, Request, Response};
use shared::id::{AttachmentId, ConversationId};
use shared::page::{Cursor, Limit};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListAttachments {
    conversation_id: ConversationId,
    limit: Option<Limit>,
    starting_after: Option<AttachmentId>,
    ending_before: Option<AttachmentId>,
}

/// Returns a page of the attachments that have been sent in a conversation.
///
/// # Errors
///
/// 404 if the conversation does not exist for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let list: ListAttachments = request.query()?;
    let cursor = list.cursor()?;
    let limit = list.limit.unwrap_or_default();

    let page = store
        .list_attachments(caller, list.conversation_id, cursor, limit)
        .await?;

    Ok(Response::page(
        &request,
        &page,
        cursor.as_ref(),
        |attachment| attachment.id,
    ))
}

impl ListAttachments {
    fn cursor(&self) -> Result<Option<Cursor<AttachmentId>>, Invalid> {
        let cursor = http::cursor(self.starting_after, self.ending_before)?;
        if let Some(cursor) = &cursor
            && cursor.id().conversation() != self.conversation_id
        {
            let param = http::cursor_param(Cursor::direction(Some(cursor)));
            let problem = "must be the id of an attachment of that conversation";
            return Err(Invalid::value(param, problem));
        }
        Ok(cursor)
    }
}
