//! `GET /v1/events`

use serde::Deserialize;
use shared::event::FeedCursor;
use shared::http::{Request, Response};
use shared::page::Limit;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListEvents {
    after: Option<FeedCursor>,
    limit: Option<Limit>,
}

/// Returns what has changed for the caller since a cursor; without one, a cursor at the end of the feed.
///
/// # Errors
///
/// 410 if the feed may lack changes since the cursor.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let list: ListEvents = request.query()?;

    let limit = list.limit.unwrap_or(Limit::MAX);
    let page = match list.after {
        Some(cursor) => store.list_events(caller, cursor, limit).await?,
        None => store.start_feed(caller).await?,
    };

    Ok(Response::ok(&page))
}
