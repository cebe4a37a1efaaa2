//! `GET /v1/me`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Returns the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;

    let me = store.get_me(caller).await?;

    Ok(Response::ok(&me))
}
