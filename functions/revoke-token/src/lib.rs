//! `DELETE /v1/tokens/:id`

use shared::http::{Request, Response};
use shared::{Error, Result, Store};

/// Revokes a token of the caller's, at once.
///
/// # Errors
///
/// 404 if the caller has no such token.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request.id().ok_or(Error::TokenNotFound)?;

    store.revoke_own_token(caller, id).await?;

    Ok(Response::no_content())
}
