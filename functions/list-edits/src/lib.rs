//! `GET /v1/messages/:id/edits`

use shared::http::{Request, Response};
use shared::page::Page;
use shared::{Result, Store};

/// Returns the recorded edits of a message, newest first.
///
/// # Errors
///
/// 404 if the message does not exist for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request.path_id()?;

    let edits = store.list_edits(caller, id).await?;

    Ok(Response::ok(&Page::whole(edits)))
}
