//! Pinned messages.

use crate::error::Result;
use crate::id::MessageId;
use crate::store::Admin;
use crate::store::dynamodb::item::number_set_attr;
use crate::store::dynamodb::transaction::condition_check;
use crate::store::dynamodb::update::Update;
use crate::store::items::{conversation, message};

impl Admin {
    /// Lists a message that is pinned, even if there are as many as possible.
    pub(super) async fn list_pinned_message(&self, id: MessageId) -> Result<bool> {
        let tables = &self.store.tables;
        let is_pinned = "attribute_exists(is_pinned)";
        let list = Update::new(
            &tables.conversations,
            conversation::key(id.conversation()),
            "ADD pinned_messages :message",
            "attribute_exists(participants)",
        )
        .value(":message", number_set_attr([id.created_at().0]));
        let items = vec![
            condition_check(&tables.messages, message::key(id), is_pinned, &[])?,
            list.into_transaction_item()?,
        ];
        self.store.transact(items).await
    }

    /// Takes a message off the list that is not pinned, or does not exist.
    pub(super) async fn unlist_unpinned_message(&self, id: MessageId) -> Result<bool> {
        let store = &self.store;
        let is_unpinned = "attribute_not_exists(is_pinned)";
        let items = vec![
            condition_check(&store.tables.messages, message::key(id), is_unpinned, &[])?,
            store.unpin_in_conversation(id)?,
        ];
        store.transact(items).await
    }
}
