use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::AttachmentId;
use crate::key::Scope;
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::items::attachment::AttachmentItem;

impl Store {
    /// An attachment of any message. Three round trips: key; audit trail; attachment.
    ///
    /// # Errors
    ///
    /// [`Error::KeyRequired`]; [`Error::ScopeMissing`]; [`Error::AttachmentNotFound`], also if it has not been sent.
    pub(in crate::store) async fn load_attachment_as_moderator(
        &self,
        caller: &Caller,
        id: AttachmentId,
    ) -> Result<AttachmentItem> {
        self.authenticate_key(caller, Scope::Moderate).await?;
        self.audit(caller, id).await?;
        let batch = self.with_attachments(BatchGet::default(), [&id]);
        let mut items = batch.send(&self.db).await?;
        let found = self.take_attachments(&mut items)?.remove(&id);
        let sent = found.filter(|item| item.message_id.is_some());
        sent.ok_or(Error::AttachmentNotFound { id: None })
    }
}
