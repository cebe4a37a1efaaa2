//! The stream of the table of attachments: what is removed there leaves a file.

use shared::id::AttachmentId;
use shared::{Result, Store};

/// Removes the file of an attachment that has been deleted, or that has expired.
///
/// # Errors
///
/// If S3 or DynamoDB is unavailable: Lambda repeats it.
pub async fn handle(store: Store, id: AttachmentId) -> Result<()> {
    store.remove_file(id).await
}
