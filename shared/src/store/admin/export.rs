use std::collections::{BTreeSet, HashMap};

use aws_smithy_types::byte_stream::ByteStream;
use serde::Serialize;

use super::Admin;
use crate::error::Result;
use crate::id::{AttachmentId, ConversationId};
use crate::message::{Edit, Message};
use crate::store::dynamodb::query::query_items;
use crate::store::items::message::MessageItem;
use crate::store::viewer::Viewer;
use crate::time::Micros;

/// The number of messages per step.
const STEP: usize = 500;

/// A message with its recorded edits, newest first.
#[derive(Debug, Serialize)]
pub struct ExportedMessage {
    /// The message.
    #[serde(flatten)]
    pub message: Message,
    /// What it said before.
    pub edits: Vec<Edit>,
}

impl Admin {
    /// The content of the file of an attachment; none if there is no file, or if it may not be read.
    ///
    /// # Errors
    ///
    /// If S3 is not available, or the store has no bucket.
    pub async fn export_file(&self, attachment: AttachmentId) -> Result<Option<ByteStream>> {
        let files = self.store.bucket()?;
        files.content(attachment, self.store.timeouts.file).await
    }

    /// Returns the next messages of a conversation from a moment on, oldest first; none after the last.
    pub async fn export_messages(
        &self,
        conversation: ConversationId,
        from: Micros,
    ) -> Result<Vec<ExportedMessage>> {
        let query = self.store.messages_between(conversation, from, Micros::MAX);
        let items = query_items(query, STEP).await?.into_iter();
        let messages: Vec<_> = items.map(MessageItem::from_item).collect::<Result<_>>()?;
        let needed = messages.iter().flat_map(MessageItem::displayed_contacts);
        let needed: BTreeSet<_> = needed.collect();
        let displayed = self
            .store
            .load_displayed(HashMap::new(), &needed, &messages);
        let displayed = displayed.await?;
        let recent = self.store.load_conversation(conversation).await?;
        let recent = recent.map(|found| found.read_log).unwrap_or_default();
        let read_log = self
            .store
            .load_reads(conversation, &recent, messages.iter());
        let read_log = read_log.await?;
        let mut exported = Vec::with_capacity(messages.len());
        for mut message in messages {
            let edits = self.store.load_edits(&message).await?;
            read_log.apply(&mut message);
            let message = message.render(Viewer::Operator, &displayed);
            exported.push(ExportedMessage { message, edits });
        }
        Ok(exported)
    }

    /// When the newest message of a conversation was sent, if there is one.
    pub async fn newest_message_at(&self, conversation: ConversationId) -> Result<Option<Micros>> {
        self.store.newest_message_at(conversation).await
    }
}
