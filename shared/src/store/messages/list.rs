use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::ConversationId;
use crate::message::Message;
use crate::page::{Direction, Page, Window};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::query::query_items;
use crate::store::items::message::MessageItem;

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
        self.participant_cache.record_page(id, &displayed.collect());
        self.render_page(
            page,
            known,
            &participation.conversation,
            participation.viewer(),
        )
        .await
    }

    /// The messages in a window, in its direction; one more than its limit if there are more.
    pub(in crate::store) async fn messages_in(
        &self,
        id: ConversationId,
        window: &Window,
    ) -> Result<Vec<MessageItem>> {
        let Some((first, last)) = window.moments() else {
            return Ok(Vec::new());
        };
        let query = self
            .messages_between(id, first, last)
            .scan_index_forward(window.direction() == Direction::Newer);
        let items = query_items(query, window.limit.get() + 1).await?;
        items.into_iter().map(MessageItem::from_item).collect()
    }
}
