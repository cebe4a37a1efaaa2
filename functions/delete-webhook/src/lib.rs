//! `DELETE /v1/webhooks/:id`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Deletes a webhook of the caller. Events that wait for another attempt are not posted any more.
///
/// # Errors
///
/// 404 if the caller has no such webhook.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let id = request.path_id()?;
    request.no_params()?;

    store.delete_webhook(caller, id).await?;

    Ok(Response::no_content())
}
