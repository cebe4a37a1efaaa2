//! `PUT /v1/blocks/:id`

use shared::contact::ContactRef;
use shared::http::{Request, Response};
use shared::{Result, Store};

/// Blocks a contact. Blocking it again changes nothing.
///
/// # Errors
///
/// 404 if there is no such contact, 400 if it is the caller, 409 if the caller has blocked 100 contacts.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let contact: ContactRef = request.path_id()?;

    store.block_contact(caller, &contact).await?;

    Ok(Response::no_content())
}
