//! Removing the file of an attachment that has been deleted, or that has expired.

use std::time::Duration;

use crate::error::Result;
use crate::id::AttachmentId;
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::put::put_once;
use crate::store::items::attachment::{AttachmentItem, Tombstone, key};

/// For how long after its creation an upload may still end: it can be begun for fifteen minutes, and S3 lets it take
/// its time.
const UPLOADABLE_FOR: Duration = Duration::from_hours(24);

impl Store {
    /// Whether an attachment exists, sent or not. One round trip.
    pub(in crate::store) async fn attachment_exists(&self, id: AttachmentId) -> Result<bool> {
        let table = &self.tables.attachments;
        let batch = BatchGet::default().keys(table, [key(id)]);
        let item = batch.send(&self.db).await?.take_items(table).pop();
        Ok(item
            .map(AttachmentItem::from_item)
            .transpose()?
            .flatten()
            .is_some())
    }

    /// Removes the file of an attachment, unless the attachment exists again. Two round trips, and one more if it
    /// is younger than a day: its upload may still end, so a tombstone removes the file again later.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`](crate::Error::Unavailable) if S3 is.
    pub async fn remove_file(&self, id: AttachmentId) -> Result<()> {
        if self.attachment_exists(id).await? {
            return Ok(());
        }
        self.bucket()?.delete(id, self.timeouts.file).await?;
        let now = self.clock.now();
        if id.created_at() <= now.before(UPLOADABLE_FOR) {
            return Ok(());
        }
        let tombstone = Tombstone {
            conversation_id: id.conversation(),
            created_at: id.created_at(),
            expires_at: now.after(UPLOADABLE_FOR).into(),
        };
        put_once(
            &self.db,
            &self.tables.attachments,
            "conversation_id",
            &tombstone,
        )
        .await
        .map(drop)
    }
}
