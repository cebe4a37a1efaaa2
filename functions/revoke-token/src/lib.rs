//! `DELETE /v1/tokens/:id`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Revokes a token of the caller, with immediate effect.
///
/// # Errors
///
/// 404 if the caller has no such token.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request.path_id()?;

    store.revoke_token(caller, id).await?;

    Ok(Response::no_content())
}
