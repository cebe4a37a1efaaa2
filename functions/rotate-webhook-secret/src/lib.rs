//! `POST /v1/webhooks/:id/secret`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Replaces the secret of a webhook of the caller. Only this response contains the new one; the old one signs deliveries, too,
/// for 24 hours.
///
/// # Errors
///
/// 404 if the caller has no such webhook; 409 if too many replaced secrets still sign.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let id = request.path_id()?;
    request.no_params()?;

    let webhook = store.rotate_webhook_secret(caller, id).await?;

    Ok(Response::ok(&webhook))
}
