use std::collections::BTreeSet;

use super::Admin;
use crate::error::Result;
use crate::id::ConversationId;
use crate::message::Message;
use crate::store::dynamodb::query::query_items;
use crate::store::items::message::MessageItem;
use crate::time::Micros;

/// The number of messages per step.
const STEP: usize = 500;

impl Admin {
    /// Returns the next messages of a conversation from a moment on, oldest first; none after the last.
    pub async fn export_messages(
        &self,
        conversation: ConversationId,
        from: Micros,
    ) -> Result<Vec<Message>> {
        let query = self.store.messages_between(conversation, from, Micros::MAX);
        let items = query_items(query, STEP).await?.into_iter();
        let messages: Vec<_> = items.map(MessageItem::from_item).collect::<Result<_>>()?;
        let displayed = messages.iter().flat_map(MessageItem::displayed_contacts);
        let displayed: BTreeSet<_> = displayed.collect();
        let contacts = self.store.load_contacts(&displayed).await?;
        let messages = messages.into_iter();
        Ok(messages.map(|message| message.render(&contacts)).collect())
    }

    /// When the newest message of a conversation was sent, if there is one.
    pub async fn newest_message_at(&self, conversation: ConversationId) -> Result<Option<Micros>> {
        self.store.newest_message_at(conversation).await
    }
}
