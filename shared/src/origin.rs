//! Where the client reaches the API: the scheme and the host of the request that is handled, so that responses can
//! contain complete URLs.

use std::sync::Arc;

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// Runs `work`, which handles a request to this origin, such as `https://example.com`.
pub(crate) async fn scope<F: Future>(origin: Arc<str>, work: F) -> F::Output {
    CURRENT.scope(origin, work).await
}

/// Runs `work` outside of a request, for a client that reaches the API at this origin.
pub(crate) fn sync_scope<T>(origin: Arc<str>, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(origin, work)
}

/// The origin of the request that is handled; empty outside of one.
#[must_use]
pub(crate) fn current() -> Arc<str> {
    let current = CURRENT.try_with(Arc::clone);
    current.unwrap_or_else(|_| Arc::from(""))
}
