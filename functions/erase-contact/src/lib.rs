//! `DELETE /v1/contacts/:id`

use shared::contact::ContactRef;
use shared::http::{Request, Response};
use shared::store::{ErasedContact, Progress};
use shared::{Result, Store};

/// Erases a contact with everything that refers to it, for a server key. 202 until that is finished; then 200 with what
/// has been erased.
///
/// # Errors
///
/// 403 without the scope `contacts`; 404 without a contact that has the external id.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    request.no_params()?;
    let contact: ContactRef = request.path_id()?;

    let erased = store.erase_contact(caller, &contact).await?;

    Ok(match erased {
        ErasedContact::Finished(proof) => Response::ok(&proof),
        ErasedContact::Unfinished => Response::progress(Progress::Unfinished),
    })
}
