//! Creating an attachment: one transaction writes it and counts it towards the quotas. The client uploads the file.

use serde::Serialize;

use crate::attachment::{Attachment, FileSize, NewFile};
use crate::audit;
use crate::caller::Caller;
use crate::error::{Error, Quota, Result};
use crate::id::ConversationId;
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::{Transaction, put_new, transact};
use crate::store::files::Upload;
use crate::store::items::attachment::{AttachmentItem, PENDING_FOR};
use crate::store::quotas::UPLOADS;
use crate::time::Micros;

/// An attachment, and how to upload its file.
#[derive(Debug, Serialize)]
pub struct CreatedAttachment {
    /// The attachment, which belongs to no message yet.
    #[serde(flatten)]
    pub attachment: Attachment,
    /// How to upload its file.
    pub upload: Upload,
}

impl Store {
    /// Creates an attachment that the caller can send in a conversation within a day, after uploading its file. Two
    /// round trips: token and conversation ‖ the caller's counters; transaction. One more between two, who may have
    /// blocked each other, unless this instance knows them.
    ///
    /// # Errors
    ///
    /// [`Error::FileTooLarge`]; [`Error::ConversationNotFound`]; [`Error::ConversationPending`];
    /// [`Error::NotAcceptingMessages`]; [`Error::QuotaExceeded`].
    pub async fn create_attachment(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        file: NewFile,
    ) -> Result<CreatedAttachment> {
        const ATTACHMENT: usize = 0;
        audit::set_target(conversation);
        self.check_file_size(file.file_size)?;
        let recent = self.participant_cache.get(conversation);
        let batch = self.with_contacts(BatchGet::default(), &recent);
        let usage = self.load_usage(caller, &UPLOADS);
        let read = self.load_as_participant(caller, conversation, batch, usage);
        let (participation, mut items, mut usage) = read.await?;
        let contact = participation.caller;
        if participation.conversation.is_pending(contact) {
            return Err(Error::ConversationPending);
        }
        let known = self.take_contacts(&mut items)?.requested(&recent);
        self.check_may_write(&participation, known).await?;
        let now = self.clock.now();
        let mut item = AttachmentItem {
            conversation_id: conversation,
            created_at: now,
            contact_id: contact,
            filename: file.filename.clone().into(),
            file_type: file.file_type.clone().into(),
            file_size: file.file_size.bytes(),
            message_id: None,
            expires_at: Some(now.after(PENDING_FOR).into()),
        };
        let added = [1, item.file_size];
        let mut backoff = Backoff::default();
        loop {
            let table = &self.tables.attachments;
            let mut items = vec![put_new(table, "conversation_id", &item)?];
            items.extend(self.count_usage(contact, &UPLOADS, usage, added)?);
            match transact(&self.db, items).await? {
                Transaction::Committed => {
                    let upload = self.bucket()?.upload(item.id(), &file).await?;
                    let attachment = item.render();
                    return Ok(CreatedAttachment { attachment, upload });
                }
                Transaction::ConditionsFailed(failed) if failed.contains(&ATTACHMENT) => {
                    item.created_at = Micros(item.created_at.0 + fastrand::u64(1..1000));
                }
                Transaction::ConditionsFailed(_) => {
                    usage = self.load_usage(caller, &UPLOADS).await?;
                }
            }
            backoff.wait("the quota keeps changing").await?;
        }
    }

    /// Fails if a file is larger than the deployment allows, or than may be uploaded in a day.
    fn check_file_size(&self, size: FileSize) -> Result<()> {
        let limit = match self.limits.max_file_bytes {
            0 => FileSize::MAX,
            limit => limit,
        };
        let limit = limit.min(self.limits.per_day(Quota::UploadBytes));
        if size.bytes() > limit {
            return Err(Error::FileTooLarge { limit });
        }
        Ok(())
    }
}
