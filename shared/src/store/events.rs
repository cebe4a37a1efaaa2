//! The feed of a contact: appending to it, and reading it.
//!
//! The changes themselves are the events. The streams of the tables of messages, conversations and memberships lead to
//! `publish`, which appends a pointer to each changed message or conversation to the feed of every participant that
//! listens. `list` shows what the pointers point to.

mod append;
mod change;
mod content;
mod list;
mod publish;
mod start;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;

pub use change::{Change, Changed, ConversationChange};
pub(super) use content::Content;
pub(super) use publish::ContactEntries;
pub use publish::Unpublished;

use super::Store;
use super::dynamodb::batch::{BatchGet, BatchItems};
use super::dynamodb::item::{from_item, number_attr, string_attr};
use super::dynamodb::query::query_items;
use super::items::feed::Segment;
use super::items::listener::{self, Listener};
use crate::error::Result;
use crate::id::ContactId;

impl Store {
    /// The newest segment of a contact's feed. One round trip.
    async fn newest_segment(&self, contact: ContactId) -> Result<Option<Segment>> {
        let query = self
            .segments_of(contact)
            .key_condition_expression("contact_id = :contact")
            .scan_index_forward(false);
        let newest = query_items(query, 1).await?.pop();
        newest.map(from_item).transpose()
    }

    /// The first `limit` segments of a contact's feed from one on. One round trip.
    async fn segments_from(
        &self,
        contact: ContactId,
        first: u64,
        limit: usize,
    ) -> Result<Vec<Segment>> {
        let query = self
            .segments_of(contact)
            .key_condition_expression("contact_id = :contact AND segment_number >= :first")
            .expression_attribute_values(":first", number_attr(first));
        let items = query_items(query, limit).await?;
        items.into_iter().map(from_item).collect()
    }

    /// A query of a contact's feed, without its key condition.
    fn segments_of(&self, contact: ContactId) -> QueryFluentBuilder {
        self.db
            .query()
            .table_name(&self.tables.feed)
            .consistent_read(true)
            .expression_attribute_values(":contact", string_attr(contact))
    }

    fn with_listener(&self, batch: BatchGet, contact: ContactId) -> BatchGet {
        batch.keys(&self.tables.listeners, [listener::key(contact)])
    }

    /// The listener from a batch, also if it has not read its feed for long.
    fn take_listener(&self, items: &mut BatchItems) -> Result<Option<Listener>> {
        Ok(items.take(&self.tables.listeners)?.pop())
    }
}
