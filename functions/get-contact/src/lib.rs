//! `GET /v1/contacts/:id`

use shared::contact::ContactRef;
use shared::http::{Request, Response};
use shared::{Result, Store};

/// Returns a contact that shares a conversation with the caller; for a server key, any contact.
///
/// # Errors
///
/// 404 if the contact does not exist for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let contact: ContactRef = request.path_id()?;

    let contact = store.get_contact(caller, &contact).await?;

    Ok(Response::ok(&contact))
}
