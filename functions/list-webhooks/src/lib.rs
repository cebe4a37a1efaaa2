//! `GET /v1/webhooks`

use serde::Deserialize;
use shared::http::{self, Request, Response};
use shared::id::WebhookId;
use shared::page::Limit;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListWebhooks {
    limit: Option<Limit>,
    starting_after: Option<WebhookId>,
    ending_before: Option<WebhookId>,
}

/// Returns a page of the caller's webhooks, without their secrets.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let list: ListWebhooks = request.query()?;
    let cursor = http::cursor(list.starting_after, list.ending_before)?;

    let limit = list.limit.unwrap_or_default();
    let page = store.list_webhooks(caller, cursor, limit).await?;

    Ok(Response::page(
        &request,
        &page,
        cursor.as_ref(),
        |webhook| webhook.id,
    ))
}
