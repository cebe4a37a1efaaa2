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

/// Creates a token for the caller. Only this response contains its secret.
///
/// # Errors
///
/// 400 if it would outlive the token of the request; 409 if the caller has as many tokens as it may have.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let CreateToken { label, expires_in } = request.body()?;

    let token = store
        .create_token(caller, label.unwrap_or_default(), expires_in)
        .await?;

    Ok(Response::created(&token))
}
