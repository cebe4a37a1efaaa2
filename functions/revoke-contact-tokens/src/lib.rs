//! `DELETE /v1/contacts/:id/tokens`

use shared::contact::ContactRef;
use shared::http::{Request, Response};
use shared::{Result, Store};

/// Revokes all tokens of a contact, for a server key. 202 if that takes more than one request.
///
/// # Errors
///
/// 403 without the scope `tokens`; 404 without such a contact.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let contact: ContactRef = request.path_id()?;

    let progress = store.revoke_contact_tokens(caller, &contact).await?;

    Ok(Response::progress(progress))
}
