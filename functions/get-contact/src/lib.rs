//! `GET /v1/contacts/:id`

use shared::http::{Request, Response};
use shared::{Error, Result, Store};

/// Answers with the contact that has this id, to those who share a conversation with it.
///
/// # Errors
///
/// 404 if there is no such contact for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request.id().ok_or(Error::ContactNotFound {
        param: "id",
        text: None,
    })?;

    let contact = store.acquaintance(caller, id).await?;

    Ok(Response::ok(&contact))
}
