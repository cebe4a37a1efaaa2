//! The stream of deliveries, and a schedule: posts events to webhooks.

use shared::store::Task;
use shared::{Result, Store};

/// Attempts deliveries that are new, or those that are due.
///
/// # Errors
///
/// If DynamoDB is unavailable: the schedule finds what was not attempted.
pub async fn handle(store: Store, task: Task) -> Result<()> {
    store.deliver(task).await
}
