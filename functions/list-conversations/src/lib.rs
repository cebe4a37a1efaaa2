//! `GET /v1/conversations`

use serde::Deserialize;
use shared::error::Invalid;
use shared::http::{self, Request, Response};
use shared::id::ConversationId;
use shared::page::Limit;
use shared::store::ConversationList;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListConversations {
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    pending: bool,
    limit: Option<Limit>,
    starting_after: Option<ConversationId>,
    ending_before: Option<ConversationId>,
}

/// Returns a page of the caller's open, archived or pending conversations.
///
/// # Errors
///
/// 400 if the cursor is not a conversation of the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let list: ListConversations = request.query()?;
    let cursor = http::cursor(list.starting_after, list.ending_before)?;

    let limit = list.limit.unwrap_or_default();
    let page = store
        .list_conversations(caller, list.list()?, cursor, limit)
        .await?;

    Ok(Response::page(
        &request,
        &page,
        cursor.as_ref(),
        |conversation| conversation.id,
    ))
}

impl ListConversations {
    fn list(&self) -> Result<ConversationList, Invalid> {
        match (self.archived, self.pending) {
            (false, false) => Ok(ConversationList::Open),
            (true, false) => Ok(ConversationList::Archived),
            (false, true) => Ok(ConversationList::Pending),
            (true, true) => Err(Invalid::value(
                "pending",
                "a pending conversation cannot be archived: send one of archived and pending",
            )),
        }
    }
}
