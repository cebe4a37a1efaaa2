//! `POST /v1/tokens`

use serde::Deserialize;
use shared::http::{Request, Response};
use shared::token::{Label, Lifetime};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateToken {
    label: Option<Label>,
    expires_in: Option<Lifetime>,
}

/// Issues a token to the caller; its secret is in this one answer only.
///
/// # Errors
///
/// 400 if it would outlive the token that it is issued with.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let CreateToken { label, expires_in } = request.body()?;

    let token = store
        .issue_own_token(caller, label.unwrap_or_default(), expires_in)
        .await?;

    Ok(Response::created(&token))
}
