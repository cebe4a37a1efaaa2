//! `PUT /v1/webhooks/:id`

use serde::{Deserialize, Deserializer};
use shared::error::Invalid;
use shared::http::{Request, Response};
use shared::store::WebhookUpdate;
use shared::webhook::EventTypes;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateWebhook {
    url: Option<String>,
    #[serde(default, deserialize_with = "null_is_all")]
    events: Option<EventTypes>,
    is_enabled: Option<bool>,
}

/// Changes a webhook of the caller.
///
/// # Errors
///
/// 404 if the caller has no such webhook; 403 if it is to be enabled and the deployment has no webhooks.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let id = request.path_id()?;
    let update = request.body::<UpdateWebhook>()?.into_update()?;

    let webhook = store.update_webhook(caller, id, update).await?;

    Ok(Response::ok(&webhook))
}

impl UpdateWebhook {
    fn into_update(self) -> Result<WebhookUpdate, Invalid> {
        match self {
            Self {
                url: None,
                events: None,
                is_enabled: None,
            } => Err(Invalid::NoneOf {
                params: "url, events, is_enabled",
            }),
            Self {
                url,
                events,
                is_enabled,
            } => Ok(WebhookUpdate {
                url,
                event_types: events,
                is_enabled,
            }),
        }
    }
}

/// Reads an explicit `null` as all types; an absent parameter is `None`.
fn null_is_all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EventTypes>, D::Error> {
    EventTypes::deserialize(deserializer).map(Some)
}
