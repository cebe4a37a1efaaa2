//! The streams of messages, conversations and memberships: what changes there is an event for the participants who
//! listen.

use shared::Store;
use shared::store::{Change, Unpublished};

/// Appends the changes to the feeds of the participants.
///
/// # Errors
///
/// If DynamoDB is unavailable: Lambda repeats the changes that may be missing in a feed, and those after them.
pub async fn handle(store: Store, changes: Vec<Change>) -> Result<(), Unpublished> {
    store.publish_changes(&changes).await
}
