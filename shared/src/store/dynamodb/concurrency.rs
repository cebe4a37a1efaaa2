//! Several calls at once, with a bound.

use futures_util::stream::{self, StreamExt};

use crate::error::Result;

/// How many calls run at once, so that a function needs few connections.
pub const MAX_CONCURRENT: usize = 16;

/// Runs all calls, at most 16 at once, and returns their results in the order of the calls, or the
/// first error in that order. A slow call does not delay the start of the others.
pub async fn join_bounded<T>(calls: Vec<impl Future<Output = Result<T>>>) -> Result<Vec<T>> {
    let calls = calls.into_iter().enumerate();
    let calls = calls.map(|(index, call)| async move { (index, call.await) });
    let mut results: Vec<_> = stream::iter(calls)
        .buffer_unordered(MAX_CONCURRENT)
        .collect()
        .await;
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
