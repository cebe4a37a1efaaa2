//! `POST /v1/webhooks/:id/secret`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Replaces the secret of a webhook of the caller. Only this response contains the new one. Deliveries are also signed
/// with the previous one for 24 hours.
///
/// # Errors
///
/// 404 if the caller has no such webhook; 409 if it has too many previous secrets.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let id = request.path_id()?;
    request.no_params()?;

    let webhook = store.rotate_webhook_secret(caller, id).await?;

    Ok(Response::ok(&webhook))
}
