//! `GET /v1/me`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Answers with the caller, as those see it with whom it shares a conversation.
///
/// # Errors
///
/// Only what every endpoint has.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;

    let me = store.me(caller).await?;

    Ok(Response::ok(&me))
}
