//! `POST /v1/contacts/:id/tokens`

use serde::Deserialize;
use shared::contact::ContactRef;
use shared::http::{Request, Response};
use shared::token::{Label, Lifetime};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateContactToken {
    label: Option<Label>,
    expires_in: Option<Lifetime>,
}

/// Creates a token for a contact, for a server key. Only this response contains its secret.
///
/// # Errors
///
/// 403 without the scope `tokens`; 404 without such a contact; 409 if it is suspended.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let contact: ContactRef = request.path_id()?;
    let CreateContactToken { label, expires_in } = request.body()?;

    let token = store
        .create_contact_token(caller, &contact, label.unwrap_or_default(), expires_in)
        .await?;

    Ok(Response::created(&token))
}
