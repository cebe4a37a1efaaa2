use futures_util::future::try_join;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::ConversationId;
use crate::message::Message;
use crate::page::{Direction, Page, Window};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::query::query_items;
use crate::store::items::message::MessageItem;
use crate::time::Micros;

impl Store {
    /// Returns a page of a conversation. One round trip, two if the page displays contacts that the last
    /// one did not, has replies to other messages, or is older than the recent reads. A moderator need not participate.
    pub async fn list_messages(
        &self,
        caller: &Caller,
        id: ConversationId,
        window: &Window,
    ) -> Result<Page<Message>> {
        let expected = self.expected_contacts(caller, id);
        let batch = self.with_contacts(BatchGet::default(), &expected);
        let read = self.load_as_participant(caller, id, batch, self.messages_in(id, window));
        let (participation, mut items, messages) = match read.await {
            Err(Error::ContactRequired) => {
                return Box::pin(self.list_messages_as_moderator(caller, id, window)).await;
            }
            read => read?,
        };
        let known = self.take_contacts(&mut items)?.requested(&expected);
        let page = super::page(messages, window);
        let displayed = page.data.iter().flat_map(MessageItem::displayed_contacts);
        let mut needed = displayed.collect();
        self.participant_cache.record_page(id, &needed);
        needed.insert(participation.caller);
        let (displayed, read_log) = try_join(
            self.load_displayed(known, &needed, &page.data),
            self.load_reads(id, &participation.conversation.read_log, page.data.iter()),
        )
        .await?;
        Ok(page.map(|mut message| {
            read_log.apply(&mut message);
            message.render(participation.viewer(), &displayed)
        }))
    }

    /// The messages in a window, in its direction; one more than its limit if there are more.
    pub(in crate::store) async fn messages_in(
        &self,
        id: ConversationId,
        window: &Window,
    ) -> Result<Vec<MessageItem>> {
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
