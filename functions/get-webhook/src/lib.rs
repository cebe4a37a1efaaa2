//! `GET /v1/webhooks/:id`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Returns a webhook of the caller, without its secret.
///
/// # Errors
///
/// 404 if the caller has no such webhook.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let id = request.path_id()?;
    request.no_params()?;

    let webhook = store.get_webhook(caller, id).await?;

    Ok(Response::ok(&webhook))
}
