//! The stream of the table of messages: what changes there is an event for the participants who listen.

use shared::Store;
use shared::store::{MessageChange, Unpublished};

/// Appends the changes to the feeds of the participants.
///
/// # Errors
///
/// If DynamoDB is unavailable: Lambda repeats the changes that may be missing in a feed, and those after them.
pub async fn handle(store: Store, changes: Vec<MessageChange>) -> Result<(), Unpublished> {
    store.publish_changes(&changes).await
}
