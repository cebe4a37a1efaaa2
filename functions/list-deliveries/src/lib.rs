//! `GET /v1/webhooks/:id/deliveries`

use serde::Deserialize;
use shared::http::{self, Request, Response};
use shared::page::Limit;
use shared::webhook::{DeliveryId, DeliveryStatus};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListDeliveries {
    status: Option<DeliveryStatus>,
    limit: Option<Limit>,
    starting_after: Option<DeliveryId>,
    ending_before: Option<DeliveryId>,
}

/// Returns a page of the deliveries to a webhook of the caller, or of those in one status.
///
/// # Errors
///
/// 404 if the caller has no such webhook.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let id = request.path_id()?;
    let list: ListDeliveries = request.query()?;
    let cursor = http::cursor(list.starting_after, list.ending_before)?;

    let limit = list.limit.unwrap_or_default();
    let page = store
        .list_deliveries(caller, id, list.status, cursor.clone(), limit)
        .await?;

    Ok(Response::page(
        &request,
        &page,
        cursor.as_ref(),
        |delivery| delivery.id.clone(),
    ))
}
