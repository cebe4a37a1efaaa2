//! `GET /v1/tokens`

use serde::Deserialize;
use shared::http::{self, Request, Response};
use shared::id::TokenId;
use shared::page::Limit;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListTokens {
    limit: Option<Limit>,
    starting_after: Option<TokenId>,
    ending_before: Option<TokenId>,
}

/// Returns a page of the caller's tokens, without their secrets.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let list: ListTokens = request.query()?;
    let cursor = http::cursor(list.starting_after, list.ending_before)?;

    let limit = list.limit.unwrap_or_default();
    let page = store.list_tokens(caller, cursor, limit).await?;

    Ok(Response::page(&request, &page, cursor.as_ref(), |token| {
        token.id
    }))
}
