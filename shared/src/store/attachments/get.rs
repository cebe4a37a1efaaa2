use std::future::ready;

use serde::Serialize;

use crate::attachment::Attachment;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::AttachmentId;
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::files::Download;
use crate::store::items::attachment::AttachmentItem;
use crate::time::Seconds;

/// An attachment, and where its file can be downloaded for some minutes.
#[derive(Debug, Serialize)]
pub struct AttachmentWithDownload {
    /// The attachment.
    #[serde(flatten)]
    pub attachment: Attachment,
    /// Where the file can be downloaded, by anyone who has this URL.
    pub download_url: String,
    /// The download must have begun by then.
    pub download_expires_at: Seconds,
}

impl Store {
    /// Returns an attachment, and where its file can be downloaded. One round trip. A moderator need not participate.
    ///
    /// # Errors
    ///
    /// [`Error::AttachmentNotFound`], also if it has not been sent and another contact uploads it.
    pub async fn get_attachment(
        &self,
        caller: &Caller,
        id: AttachmentId,
    ) -> Result<AttachmentWithDownload> {
        let item = self.load_attachment(caller, id).await?;
        let Download { url, expires_at } = self.sign_download(&item).await?;
        Ok(AttachmentWithDownload {
            attachment: item.render(),
            download_url: url,
            download_expires_at: expires_at,
        })
    }

    /// Returns the URL at which the file of an attachment can be downloaded. One round trip.
    ///
    /// # Errors
    ///
    /// As [`Store::get_attachment`].
    pub async fn download_attachment(&self, caller: &Caller, id: AttachmentId) -> Result<String> {
        let item = self.load_attachment(caller, id).await?;
        Ok(self.sign_download(&item).await?.url)
    }

    async fn load_attachment(&self, caller: &Caller, id: AttachmentId) -> Result<AttachmentItem> {
        let batch = self.with_attachments(BatchGet::default(), [&id]);
        let read = self.load_as_participant(caller, id.conversation(), batch, ready(Ok(())));
        let (participation, mut items, ()) = match read.await {
            Err(Error::ContactRequired) => {
                return Box::pin(self.load_attachment_as_moderator(caller, id)).await;
            }
            Err(Error::ConversationNotFound) => {
                return Err(Error::AttachmentNotFound { id: None });
            }
            read => read?,
        };
        let found = self.take_attachments(&mut items)?.remove(&id);
        let now = self.clock.now();
        let visible = found.filter(|item| item.is_visible_to(participation.caller, now));
        visible.ok_or(Error::AttachmentNotFound { id: None })
    }

    async fn sign_download(&self, item: &AttachmentItem) -> Result<Download> {
        let files = self.bucket()?;
        files
            .download(item.id(), &item.filename, &item.file_type)
            .await
    }
}
