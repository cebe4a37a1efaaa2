//! Attachments, the messages that show them, and their files.

use crate::error::Result;
use crate::id::{AttachmentId, MessageId};
use crate::store::Admin;
use crate::store::dynamodb::item::{number_attr, string_attr};
use crate::store::dynamodb::transaction::{condition_check, delete_if, put_if};
use crate::store::dynamodb::update::Update;
use crate::store::items::attachment::{AttachmentItem, key};
use crate::store::items::message::{self, attachment_attribute};

impl Admin {
    /// Deletes a sent attachment, if its message does not show it. Its file is removed as always.
    pub(super) async fn delete_attachment_without_message(
        &self,
        attachment: AttachmentId,
        message: MessageId,
    ) -> Result<bool> {
        let store = &self.store;
        let (condition, values) = match store.load_message(message).await? {
            Some(item) if item.attachments.contains_key(&attachment.created_at()) => {
                return Ok(false);
            }
            Some(item) => item.has_same_attachments(),
            None => ("attribute_not_exists(contact_id)".to_owned(), Vec::new()),
        };
        let table = &store.tables.messages;
        let check = condition_check(table, message::key(message), &condition, &values)?;
        let (table, message) = (&store.tables.attachments, string_attr(message));
        let delete = delete_if(table, key(attachment), "message_id", message)?;
        store.transact(vec![check, delete]).await
    }

    /// Creates the attachment that a message shows again, if its file exists; otherwise takes it off the message.
    /// Does nothing for a store without a bucket, which cannot tell.
    pub(super) async fn restore_or_take_off(
        &self,
        message: MessageId,
        attachment: AttachmentId,
    ) -> Result<bool> {
        let store = &self.store;
        let Some(files) = store.files() else {
            return Ok(false);
        };
        let Some(mut item) = store.load_message(message).await? else {
            return Ok(false);
        };
        let Some(file) = item.attachments.remove(&attachment.created_at()) else {
            return Ok(false);
        };
        let has_file = files.is_listed(attachment, store.timeouts.file).await?;
        let (is_unchanged, values) = item.has_same_attachments();
        let is_missing = "attribute_not_exists(message_id) OR message_id <> :message";
        let of_message = [(":message", string_attr(message))];
        let items = if has_file {
            let restored = AttachmentItem {
                conversation_id: attachment.conversation(),
                created_at: attachment.created_at(),
                contact_id: item.contact_id,
                filename: file.filename,
                file_type: file.file_type,
                file_size: file.file_size,
                message_id: Some(message),
                expires_at: None,
            };
            vec![
                condition_check(
                    &store.tables.messages,
                    message::key(message),
                    &is_unchanged,
                    &values,
                )?,
                put_if(
                    &store.tables.attachments,
                    &restored,
                    is_missing,
                    &of_message,
                )?,
            ]
        } else {
            let take_off = Update::new(
                &store.tables.messages,
                message::key(message),
                "REMOVE #attachment ADD version :one, attachments_version :one",
                &is_unchanged,
            );
            let attribute = attachment_attribute(attachment.created_at());
            let take_off = take_off
                .name("#attachment", &attribute)
                .value(":one", number_attr(1))
                .values(values);
            vec![
                condition_check(
                    &store.tables.attachments,
                    key(attachment),
                    is_missing,
                    &of_message,
                )?,
                take_off.into_transaction_item()?,
            ]
        };
        store.transact(items).await
    }

    /// Deletes a file, if its attachment does not exist.
    pub(super) async fn delete_file_without_attachment(
        &self,
        attachment: AttachmentId,
    ) -> Result<bool> {
        let store = &self.store;
        if store.attachment_exists(attachment).await? {
            return Ok(false);
        }
        let files = store.bucket()?;
        files.delete(attachment, store.timeouts.file).await?;
        Ok(true)
    }
}
