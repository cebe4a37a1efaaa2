//! What a contact wrote: messages, attachments and reactions.

use std::collections::{BTreeMap, BTreeSet};

use super::erased::{Erased, Kind};
use super::stage::Stage;
use crate::error::{Error, Result};
use crate::id::{AttachmentId, ContactId};
use crate::store::Store;
use crate::store::cleanup::{CleanupLimit, Progress};
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::batch::delete_all;
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::dynamodb::item::{Item, from_item, number_attr, string_attr, string_set_attr};
use crate::store::dynamodb::query::query_page;
use crate::store::dynamodb::update::Update;
use crate::store::items::attachment::AttachmentItem;
use crate::store::items::conversation;
use crate::store::items::message::{MessageItem, REACTION, key};
use crate::store::items::report::{self, ReportItem};

/// How many deliveries are deleted before the limit is looked at.
const MAX_DELETED: usize = 1000;

impl Store {
    /// Deletes items that a stage has found by their keys, whether they still exist or not. Returns their number.
    pub(super) async fn delete_found(&self, stage: Stage, items: &[Item]) -> Result<usize> {
        let source = stage.source(&self.tables);
        let source = source.ok_or_else(|| Error::internal("a stage without a table"))?;
        let keys = items.iter();
        let keys = keys.map(|item| (source.table, source.key_of(item)));
        delete_all(&self.db, keys.collect()).await?;
        Ok(items.len())
    }

    /// Deletes a webhook after its deliveries.
    pub(super) async fn erase_webhooks(
        &self,
        items: &[Item],
        erased: &mut Erased,
        limit: CleanupLimit,
    ) -> Result<Progress> {
        let table = self.tables.deliveries.as_str();
        for item in items {
            let webhook = item.get("id").cloned().unwrap_or_else(|| string_attr(""));
            let query = self
                .db
                .query()
                .table_name(table)
                .consistent_read(true)
                .key_condition_expression("webhook_id = :webhook")
                .projection_expression("webhook_id, id")
                .expression_attribute_values(":webhook", webhook);
            loop {
                let (keys, has_more) = query_page(query.clone(), MAX_DELETED).await?;
                erased.add(Kind::Webhooks, keys.len());
                let keys = keys.into_iter().map(|key| (table, key));
                delete_all(&self.db, keys.collect()).await?;
                if !has_more {
                    break;
                } else if limit.is_reached() {
                    return Ok(Progress::Unfinished);
                }
            }
        }
        let deleted = self.delete_found(Stage::Webhooks, items).await?;
        erased.add(Kind::Webhooks, deleted);
        Ok(Progress::Finished)
    }

    /// Deletes reports, each in its list and with the reporter. Returns how many items the stage had found.
    pub(super) async fn erase_reports(&self, items: &[Item]) -> Result<usize> {
        let table = self.tables.reports.as_str();
        let reports = items.iter().filter(|item| item.contains_key("message_id"));
        let reports = reports.cloned().map(from_item::<ReportItem>);
        let reports = reports.collect::<Result<Vec<_>>>()?;
        let reporters = reports.iter();
        let reporters = reporters.map(|report| {
            (
                table,
                report::reporter_key(report.message_id, report.reported_by),
            )
        });
        delete_all(&self.db, reporters.collect()).await?;
        self.delete_found(Stage::Reports, items).await
    }

    /// Deletes messages of the contact with their inbox entries, attachments and files, and removes its reactions
    /// from the others.
    pub(super) async fn erase_messages(
        &self,
        contact: ContactId,
        items: &[Item],
        erased: &mut Erased,
    ) -> Result<()> {
        let messages = items.iter().cloned().map(MessageItem::from_item);
        let messages = messages.collect::<Result<Vec<_>>>()?;
        let (own, others): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|message| message.contact_id == contact);
        self.erase_reactions(contact, &others, erased).await?;
        let ids: BTreeSet<_> = own.iter().map(|message| message.conversation_id).collect();
        let table = &self.tables.conversations;
        let batch = BatchGet::default().keys(table, ids.into_iter().map(conversation::key));
        let mut conversations = batch.send(&self.db).await?;
        let conversations = self.take_conversations(&mut conversations)?.into_iter();
        let conversations: BTreeMap<_, _> = conversations
            .map(|conversation| (conversation.id, conversation))
            .collect();
        // Files first: without their attachments, a repeated request would not find them.
        let attachments: Vec<_> = own.iter().flat_map(MessageItem::attachment_ids).collect();
        erased.add(Kind::Files, self.delete_files(&attachments).await?);
        let deletions = own.iter().map(async |message| {
            let conversation = conversations.get(&message.conversation_id);
            let deletion = self.delete_loaded_message(message, None, conversation);
            Ok(deletion.await?.then_some(message.attachments.len()))
        });
        for attachments in join_bounded(deletions.collect())
            .await?
            .into_iter()
            .flatten()
        {
            erased.add(Kind::Messages, 1);
            erased.add(Kind::Attachments, attachments);
        }
        Ok(())
    }

    async fn erase_reactions(
        &self,
        contact: ContactId,
        messages: &[MessageItem],
        erased: &mut Erased,
    ) -> Result<()> {
        let reactions = messages.iter().flat_map(|message| {
            let reactions = message.reactions.iter();
            let own = reactions.filter(|(_, contacts)| contacts.contains(&contact));
            own.map(|(emoji, _)| (message.id(), emoji))
        });
        let updates = reactions.map(|(id, emoji)| {
            Update::new(
                &self.tables.messages,
                key(id),
                "DELETE #reaction :self ADD version :one",
                "contains(#reaction, :contact)",
            )
            .name("#reaction", &format!("{REACTION}{emoji}"))
            .value(":self", string_set_attr([contact]))
            .value(":contact", string_attr(contact))
            .value(":one", number_attr(1))
            .send(&self.db)
        });
        let removed = join_bounded(updates.collect()).await?.into_iter();
        erased.add(Kind::Reactions, removed.filter(|&removed| removed).count());
        Ok(())
    }

    /// Deletes attachments that are not part of a message, or of a message that is gone, and their files.
    pub(super) async fn erase_attachments(
        &self,
        items: &[Item],
        erased: &mut Erased,
    ) -> Result<()> {
        let attachments = items.iter().cloned().map(AttachmentItem::from_item);
        let attachments = attachments.collect::<Result<Vec<_>>>()?;
        let ids: Vec<_> = attachments
            .iter()
            .flatten()
            .map(AttachmentItem::id)
            .collect();
        erased.add(Kind::Files, self.delete_files(&ids).await?);
        let deleted = self.delete_found(Stage::Attachments, items).await?;
        erased.add(Kind::Attachments, deleted);
        Ok(())
    }

    /// Deletes the files of attachments, if the store has a bucket. Returns how many of them could be read before:
    /// the others have not been uploaded, or are not readable, and are deleted all the same. `remove-file` deletes
    /// them once more, a little later, and then again what is still being uploaded.
    async fn delete_files(&self, ids: &[AttachmentId]) -> Result<usize> {
        let Some(files) = self.files() else {
            return Ok(0);
        };
        let timeout = self.timeouts.file;
        let deletions = ids.iter().map(async |&id| {
            let existed = files.exists(id, timeout).await?;
            files.delete(id, timeout).await?;
            Ok(existed)
        });
        let deleted = join_bounded(deletions.collect()).await?.into_iter();
        Ok(deleted.filter(|&existed| existed).count())
    }
}
