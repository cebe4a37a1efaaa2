//! `POST /v1/webhooks`

use serde::Deserialize;
use shared::http::{Request, Response};
use shared::webhook::EventTypes;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateWebhook {
    url: String,
    #[serde(default)]
    events: EventTypes,
}

/// Creates a webhook, to which the caller's events are posted. Only this response contains its secret.
///
/// # Errors
///
/// 403 if the deployment has no webhooks; 409 if the caller has as many as it may have.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let CreateWebhook { url, events } = request.body()?;

    let webhook = store.create_webhook(caller, &url, events).await?;

    Ok(Response::created(&webhook))
}
