//! `POST /v1/webhooks/:id/test`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Delivers a test event to a webhook of the caller.
///
/// # Errors
///
/// 404 if the caller has no such webhook; 409 if it is disabled; 403 if the deployment has no webhooks.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let id = request.path_id()?;
    request.no_params()?;

    let delivery = store.test_webhook(caller, id).await?;

    Ok(Response::accepted(&delivery))
}
