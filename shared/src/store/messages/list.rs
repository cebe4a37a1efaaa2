use futures_util::future::join;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::ConversationId;
use crate::message::Message;
use crate::page::{Direction, Page, Window};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::query::query_items;
use crate::store::items::conversation::{self, visible_to};
use crate::store::items::message::MessageItem;
use crate::time::Micros;

impl Store {
    /// Returns a page of a conversation. One round trip, two if the page displays contacts that the last
    /// one did not.
    pub async fn list_messages(
        &self,
        caller: &Caller,
        id: ConversationId,
        window: &Window,
    ) -> Result<Page<Message>> {
        let recent = self.participant_cache.get(id);
        let batch = self.with_contacts(BatchGet::default(), &recent);
        let batch = self.with_caller(batch, caller);
        let batch = batch.keys(&self.tables.conversations, [conversation::key(id)]);
        let reads = join(batch.send(&self.db), self.messages_in(id, window));
        let (items, messages) = reads.await;
        let mut items = items?;
        let caller = self.take_caller(&mut items, caller)?;
        let conversation = self.take_conversations(&mut items)?.pop();
        visible_to(caller, conversation).ok_or(Error::ConversationNotFound)?;
        let known = self.take_contacts(&mut items)?.requested(&recent);
        let page = page(messages?, window);
        let displayed = page.data.iter().flat_map(MessageItem::displayed_contacts);
        self.participant_cache.record_page(id, &displayed.collect());
        self.render_messages(page, known).await
    }

    /// The messages in a window, in its direction; one more than its limit if there are more.
    async fn messages_in(&self, id: ConversationId, window: &Window) -> Result<Vec<MessageItem>> {
        let after = window
            .newer_than()
            .map(|id| id.created_at().0 + 1)
            .unwrap_or_default();
        let before = window.older_than().map_or(u64::MAX, |id| id.created_at().0);
        let until = window.until.map_or(u64::MAX, |until| until.0);
        let (first, end) = (window.from.0.max(after), before.min(until));
        if first >= end {
            return Ok(Vec::new());
        }
        let query = self
            .messages_between(id, Micros(first), Micros(end - 1))
            .scan_index_forward(window.direction() == Direction::Newer);
        let items = query_items(query, window.limit.get() + 1).await?;
        items.into_iter().map(MessageItem::from_item).collect()
    }
}

/// The page of a window, given one item more than its limit if there are more.
pub fn page(messages: Vec<MessageItem>, window: &Window) -> Page<MessageItem> {
    let direction = window.direction();
    Page::of(messages, window.limit, direction, MessageItem::max_json_len)
}
