//! `GET /v1/contacts/:id`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Returns a contact that shares a conversation with the caller.
///
/// # Errors
///
/// 404 if the contact does not exist for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request.path_id()?;

    let contact = store.get_contact(caller, id).await?;

    Ok(Response::ok(&contact))
}
