//! `wss://…/live`

use shared::http::{Request, Response};
use shared::{Result, Store};

/// Opens a socket, over which the caller gets a hint when its feed has new events.
///
/// # Errors
///
/// 401 without a valid token; 403 for a server key.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let connection = request.connection()?;

    store.open_socket(caller, connection).await?;

    Ok(Response::no_content())
}
