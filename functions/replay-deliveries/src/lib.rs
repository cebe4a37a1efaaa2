//! `POST /v1/webhooks/:id/replay`

use serde::Deserialize;
use shared::http::{Request, Response};
use shared::webhook::DeliveryIds;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayDeliveries {
    ids: DeliveryIds,
}

/// Attempts deliveries to a webhook of the caller again, within a minute.
///
/// # Errors
///
/// 404 if the caller has no such webhook, or the webhook no such delivery; 409 if the webhook is disabled; 403 if the
/// deployment has no webhooks.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let id = request.path_id()?;
    let ReplayDeliveries { ids } = request.body()?;

    let replay = store.replay_deliveries(caller, id, &ids).await?;

    Ok(Response::accepted(&replay))
}
