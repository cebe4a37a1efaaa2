//! Attaching: what it takes to send attachments with a message, or to add them to one.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::error::{Error, Result};
use crate::id::{AttachmentId, ContactId, ConversationId, MessageId};
use crate::store::Store;
use crate::store::dynamodb::batch::{BatchGet, BatchItems};
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::dynamodb::item::{number_attr, string_attr};
use crate::store::dynamodb::update::Update;
use crate::store::items::attachment::{AttachmentItem, key};
use crate::store::items::message::AttachedFile;
use crate::time::{Micros, Seconds};

impl Store {
    /// Adds those attachments to a batch that can be sent in this conversation.
    pub(in crate::store) fn with_attachments_of(
        &self,
        batch: BatchGet,
        ids: &[AttachmentId],
        conversation: ConversationId,
    ) -> BatchGet {
        let own = ids.iter().filter(|id| id.conversation() == conversation);
        self.with_attachments(batch, own)
    }

    /// What the message will show of these attachments. One round trip, none without attachments.
    ///
    /// # Errors
    ///
    /// If one of them cannot be sent.
    pub(in crate::store) async fn files_to_attach(
        &self,
        items: &mut BatchItems,
        ids: &[AttachmentId],
        author: ContactId,
        first_place: u64,
    ) -> Result<BTreeMap<Micros, AttachedFile>> {
        let attachments = self.take_attachable(items, ids, author)?;
        self.check_uploaded(ids).await?;
        let files = (first_place..).zip(attachments).map(|(place, attachment)| {
            let file = AttachedFile {
                filename: attachment.filename,
                file_type: attachment.file_type,
                file_size: attachment.file_size,
                place,
            };
            (attachment.created_at, file)
        });
        Ok(files.collect())
    }

    /// Takes attachments that the author can attach from a batch, in the order of the ids.
    ///
    /// # Errors
    ///
    /// [`Error::AttachmentNotFound`]; [`Error::AttachmentAttached`].
    fn take_attachable(
        &self,
        items: &mut BatchItems,
        ids: &[AttachmentId],
        author: ContactId,
    ) -> Result<Vec<AttachmentItem>> {
        let mut found = self.take_attachments(items)?;
        let now = self.clock.now();
        let attachable = ids.iter().map(|&id| match found.remove(&id) {
            Some(item) if item.is_pending_of(author, now) => Ok(item),
            Some(AttachmentItem {
                message_id: Some(message),
                ..
            }) => Err(Error::AttachmentAttached { id, message }),
            _ => Err(Error::AttachmentNotFound { id: Some(id) }),
        });
        attachable.collect()
    }

    /// Fails if the author cannot send one of these attachments anymore. One round trip.
    ///
    /// # Errors
    ///
    /// As [`Store::take_attachable`].
    pub(in crate::store) async fn check_attachable(
        &self,
        ids: &[AttachmentId],
        author: ContactId,
    ) -> Result<()> {
        let batch = self.with_attachments(BatchGet::default(), ids);
        let mut items = batch.send(&self.db).await?;
        self.take_attachable(&mut items, ids, author).map(drop)
    }

    /// Fails if the file of one of these attachments has not been uploaded. One round trip, none without attachments.
    ///
    /// # Errors
    ///
    /// [`Error::AttachmentNotReady`].
    async fn check_uploaded(&self, ids: &[AttachmentId]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let files = self.bucket()?;
        let timeout = self.timeouts.file;
        let checks = ids.iter().map(async |&id| {
            let exists = files.exists(id, timeout).await?;
            exists.then_some(()).ok_or(Error::AttachmentNotReady { id })
        });
        join_bounded(checks.collect()).await.map(drop)
    }

    /// Attaches a pending attachment to a message, as part of the transaction that creates or changes it.
    pub(in crate::store) fn attach(
        &self,
        id: AttachmentId,
        message: MessageId,
        author: ContactId,
    ) -> Result<TransactWriteItem> {
        let is_pending = "contact_id = :author AND attribute_not_exists(message_id) \
             AND expires_at > :now";
        let update = Update::new(
            &self.tables.attachments,
            key(id),
            "SET message_id = :message REMOVE expires_at",
            is_pending,
        );
        update
            .value(":author", string_attr(author))
            .value(":message", string_attr(message))
            .value(":now", number_attr(Seconds::from(self.clock.now()).0))
            .into_transaction_item()
    }
}
