//! `GET /v1/attachments/:id`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Returns an attachment, and a URL at which its file can be downloaded for some minutes.
///
/// # Errors
///
/// 404 if the attachment does not exist for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let id = request.path_id()?;

    let attachment = store.get_attachment(caller, id).await?;

    Ok(Response::ok(&attachment))
}
