//! `GET /v1/webhooks`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Returns the caller's webhooks, without their secrets.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;

    let webhooks = store.list_webhooks(caller).await?;

    Ok(Response::ok(&webhooks))
}
