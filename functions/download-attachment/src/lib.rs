//! `GET /v1/attachments/:id/file`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Redirects to the file of an attachment.
///
/// # Errors
///
/// 404 if the attachment does not exist for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request.path_id()?;

    let url = store.download_attachment(caller, id).await?;

    Ok(Response::found(&url))
}
