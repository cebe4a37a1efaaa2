//! `DELETE /v1/tokens`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Revokes all tokens of the caller but the one of this request. 202 if that takes more than one request.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;

    let progress = store.revoke_tokens(caller).await?;

    Ok(Response::progress(progress))
}
