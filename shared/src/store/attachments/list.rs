use crate::attachment::Attachment;
use crate::caller::Caller;
use crate::error::Result;
use crate::id::{AttachmentId, ConversationId};
use crate::page::{Cursor, Direction, Limit, Page};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::item::{number_attr, string_attr};
use crate::store::dynamodb::query::query_items;
use crate::store::items::attachment::AttachmentItem;
use crate::time::Micros;

/// The most bytes of an attachment in a response: filename, type, URL, the keys.
const MAX_JSON_LEN: usize = 2048;

impl Store {
    /// Returns a page of the attachments that have been sent in a conversation, newest first. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::ConversationNotFound`](crate::Error::ConversationNotFound).
    pub async fn list_attachments(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        cursor: Option<Cursor<AttachmentId>>,
        limit: Limit,
    ) -> Result<Page<Attachment>> {
        let sent = self.attachments_next_to(conversation, cursor, limit);
        let read = self.load_as_participant(caller, conversation, BatchGet::default(), sent);
        let (_, _, found) = read.await?;
        let direction = Cursor::direction(cursor.as_ref());
        let page = Page::of(found, limit, direction, |_| MAX_JSON_LEN);
        Ok(page.map(AttachmentItem::render))
    }

    /// The attachments that have been sent next to a cursor; one more than the limit if there are more.
    async fn attachments_next_to(
        &self,
        conversation: ConversationId,
        cursor: Option<Cursor<AttachmentId>>,
        limit: Limit,
    ) -> Result<Vec<AttachmentItem>> {
        let (first, last) = match cursor {
            None => (Micros(0), Micros::MAX),
            Some(Cursor::StartingAfter(id)) => {
                (Micros(0), Micros(id.created_at().0.saturating_sub(1)))
            }
            Some(Cursor::EndingBefore(id)) => (Micros(id.created_at().0 + 1), Micros::MAX),
        };
        if first > last {
            return Ok(Vec::new());
        }
        let query = self
            .db
            .query()
            .table_name(&self.tables.attachments)
            .consistent_read(true)
            .key_condition_expression(
                "conversation_id = :conversation AND created_at BETWEEN :first AND :last",
            )
            .filter_expression("attribute_exists(message_id)")
            .expression_attribute_values(":conversation", string_attr(conversation))
            .expression_attribute_values(":first", number_attr(first.0))
            .expression_attribute_values(":last", number_attr(last.0))
            .scan_index_forward(Cursor::direction(cursor.as_ref()) == Direction::Newer);
        let items = query_items(query, limit.get() + 1).await?.into_iter();
        let items = items
            .map(AttachmentItem::from_item)
            .filter_map(Result::transpose);
        items.collect()
    }
}
