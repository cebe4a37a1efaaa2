//! Deleting attachments: one by itself, or all with what they belong to. Their files are removed by
//! [`Store::remove_file`].

use std::future::ready;

use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::caller::Caller;
use crate::error::{AuthorOnly, Error, Result};
use crate::id::{AttachmentId, ContactId, ConversationId};
use crate::store::Store;
use crate::store::cleanup::{CleanupLimit, Progress};
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::item::{number_attr, string_attr};
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::{delete, delete_if, delete_on};
use crate::store::dynamodb::update::Update;
use crate::store::items::attachment::{AttachmentItem, key};
use crate::store::items::message::{self, MessageItem, attachment_attribute};

impl Store {
    /// Deletes an attachment of the caller: takes it off its message, or gives up its upload. Deleting one that does
    /// not exist, in a conversation of the caller, succeeds. Two round trips; three if it has been sent.
    ///
    /// # Errors
    ///
    /// [`Error::AttachmentNotFound`] if the caller is not a participant of the conversation; [`Error::NotTheAuthor`];
    /// [`Error::LastAttachment`].
    pub async fn delete_attachment(&self, caller: &Caller, id: AttachmentId) -> Result<()> {
        let mut backoff = Backoff::default();
        loop {
            let (contact, attachment) = self.load_own_attachment(caller, id).await?;
            let deleted = match attachment {
                None => return Ok(()),
                Some(AttachmentItem {
                    message_id: None, ..
                }) => self.delete_pending_attachment(id, contact).await?,
                Some(AttachmentItem {
                    message_id: Some(message),
                    ..
                }) => match self.load_message(message).await? {
                    // It has been deleted since, with its attachments.
                    None => return Ok(()),
                    Some(message) => self.take_off_message(id, &message).await?,
                },
            };
            if deleted {
                return Ok(());
            }
            backoff.wait("the attachment keeps changing").await?;
        }
    }

    /// The caller, and the attachment if the caller may know of it.
    ///
    /// # Errors
    ///
    /// [`Error::AttachmentNotFound`]; [`Error::NotTheAuthor`].
    async fn load_own_attachment(
        &self,
        caller: &Caller,
        id: AttachmentId,
    ) -> Result<(ContactId, Option<AttachmentItem>)> {
        let batch = self.with_attachments(BatchGet::default(), [&id]);
        let read = self.load_as_participant(caller, id.conversation(), batch, ready(Ok(())));
        let (participation, mut items, ()) = read.await.map_err(|error| match error {
            Error::ConversationNotFound => Error::AttachmentNotFound { id: None },
            error => error,
        })?;
        let contact = participation.caller;
        let found = self.take_attachments(&mut items)?.remove(&id);
        match found {
            Some(item) if item.contact_id == contact => Ok((contact, Some(item))),
            Some(item) if item.message_id.is_some() => {
                Err(Error::NotTheAuthor(AuthorOnly::Deletion))
            }
            _ => Ok((contact, None)),
        }
    }

    /// Returns false if it has been sent meanwhile, or deleted.
    async fn delete_pending_attachment(
        &self,
        id: AttachmentId,
        contact: ContactId,
    ) -> Result<bool> {
        let delete = delete_on(
            &self.tables.attachments,
            key(id),
            "contact_id = :contact AND attribute_not_exists(message_id)",
            vec![(":contact", string_attr(contact))],
        )?;
        self.transact(vec![delete]).await
    }

    /// Deletes an attachment, and removes it from its message. Returns false if the message's attachments have
    /// changed meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::LastAttachment`].
    async fn take_off_message(&self, id: AttachmentId, message: &MessageItem) -> Result<bool> {
        if message.message.is_empty() && message.attachments.len() == 1 {
            return Err(Error::LastAttachment);
        }
        let now = self.clock.now();
        let now = now.max(message.updated_at.unwrap_or(message.created_at));
        let (condition, values) = message.has_same_attachments();
        let update = Update::new(
            &self.tables.messages,
            message::key(message.id()),
            "SET updated_at = :now REMOVE #attachment ADD version :one, attachments_version :one",
            &condition,
        );
        let update = update
            .name("#attachment", &attachment_attribute(id.created_at()))
            .value(":now", number_attr(now.0))
            .value(":one", number_attr(1))
            .values(values);
        let items = vec![
            delete_if(
                &self.tables.attachments,
                key(id),
                "message_id",
                string_attr(message.id()),
            )?,
            update.into_transaction_item()?,
        ];
        self.transact(items).await
    }

    /// Deletes the attachments of a message, as part of the transaction that deletes it.
    pub(in crate::store) fn attachment_deletes(
        &self,
        ids: &[AttachmentId],
    ) -> Result<Vec<TransactWriteItem>> {
        let delete = |&id| delete(&self.tables.attachments, key(id));
        ids.iter().map(delete).collect()
    }

    /// Deletes the attachments of a conversation that is being deleted, pending ones included.
    pub(in crate::store) async fn delete_attachments_of_closed(
        &self,
        conversation: ConversationId,
        limit: CleanupLimit,
    ) -> Result<Progress> {
        let keys = self
            .db
            .query()
            .table_name(&self.tables.attachments)
            .consistent_read(true)
            .key_condition_expression("conversation_id = :conversation")
            // Without tombstones, which the deletions may create.
            .filter_expression("attribute_exists(contact_id)")
            .projection_expression("conversation_id, created_at")
            .expression_attribute_values(":conversation", string_attr(conversation));
        self.delete_queried(&self.tables.attachments, &keys, limit)
            .await
    }
}
