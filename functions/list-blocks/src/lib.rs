//! `GET /v1/blocks`

use serde::Deserialize;
use shared::http::{self, Request, Response};
use shared::id::ContactId;
use shared::page::Limit;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListBlocks {
    limit: Option<Limit>,
    starting_after: Option<ContactId>,
    ending_before: Option<ContactId>,
}

/// Returns a page of the contacts that the caller has blocked.
///
/// # Errors
///
/// 400 if a parameter is invalid.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let list: ListBlocks = request.query()?;
    let cursor = http::cursor(list.starting_after, list.ending_before)?;

    let limit = list.limit.unwrap_or_default();
    let page = store.list_blocks(caller, cursor, limit).await?;

    Ok(Response::page(
        &request,
        &page,
        cursor.as_ref(),
        |contact| contact.id,
    ))
}
