//! Records when the caller was last active, in parallel with the request.
//!
//! ```text
//! handle ── store reads the token ── caller.identify() ── … ── response
//!                                        │                        │
//! record_activity      waits for it ─────┴── writes ──────────────┴─ the response waits for the write
//! ```

use std::pin::pin;

use futures_util::future::{Either, select};

use crate::caller::Caller;
use crate::store::Store;

/// Runs `request` and, as soon as the caller is identified, writes `last_active_at` of the contact and when
/// the token was last used. Returns when both are done.
pub async fn record_activity<T>(
    store: &Store,
    caller: &Caller,
    request: impl Future<Output = T>,
) -> T {
    let activity = async { store.record_activity(caller.identified().await).await };
    match select(pin!(request), pin!(activity)).await {
        Either::Right(((), request)) => request.await,
        Either::Left((outcome, activity)) => {
            if caller.identity().is_some() {
                activity.await;
            }
            outcome
        }
    }
}
