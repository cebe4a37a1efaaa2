//! `DELETE /v1/tokens/:id`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Revokes a token of the caller and all that were created with it, with immediate effect. 202 if that takes more
/// than one request.
///
/// # Errors
///
/// 404 if the caller has no such token.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request.path_id()?;

    let progress = store.revoke_token(caller, id).await?;

    Ok(Response::progress(progress))
}
