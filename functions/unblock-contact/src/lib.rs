//! `DELETE /v1/blocks/:id`

use shared::contact::ContactRef;
use shared::http::{Request, Response};
use shared::{Result, Store};

/// Unblocks a contact. Unblocking it again changes nothing.
///
/// # Errors
///
/// 404 if the id is malformed.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let contact: ContactRef = request.path_id()?;

    store.unblock_contact(caller, &contact).await?;

    Ok(Response::no_content())
}
