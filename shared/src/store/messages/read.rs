//! Parts of a conversation: its newest message, what of it is unread, and marking it as read.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::Select;
use serde::Deserialize;

use super::{Row, key};
use crate::conversation::MAX_UNREAD;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::batch::all;
use crate::store::write::Update;
use crate::store::{Item, Store, n, query, read, s};
use crate::time::Micros;

/// How many messages are marked as read at a time.
const MAX_MARKED: usize = 1000;

#[derive(Deserialize)]
struct Key {
    created_at: Micros,
}

impl Store {
    /// The newest message of a conversation. One round trip.
    pub(in crate::store) async fn newest_message(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<Row>> {
        let newest = self.newest_first(conversation);
        query(newest, 1).await?.pop().map(Row::of).transpose()
    }

    /// When the newest message of a conversation was sent. One round trip.
    pub(super) async fn newest(&self, conversation: ConversationId) -> Result<Option<Micros>> {
        let newest = self.newest_first(conversation);
        let newest = query(newest.projection_expression("created_at"), 1)
            .await?
            .pop();
        let key: Option<Key> = newest.map(read).transpose()?;
        Ok(key.map(|key| key.created_at))
    }

    /// How many of the next [`MAX_UNREAD`] messages after a moment others than `contact` have sent.
    /// One round trip, if they are short.
    pub(in crate::store) async fn count_after(
        &self,
        conversation: ConversationId,
        moment: Micros,
        contact: ContactId,
    ) -> Result<usize> {
        let query = self
            .between(conversation, Micros(moment.0 + 1), Micros::MAX)
            .select(Select::Count)
            .filter_expression("contact_id <> :contact")
            .expression_attribute_values(":contact", s(contact));
        let mut pages = Pages::of(query, MAX_UNREAD);
        let mut count = 0;
        while let Some(page) = pages.next().await? {
            count += page.count;
        }
        Ok(count)
    }

    /// Sets `read_at` of the messages between two moments that nobody but their authors has read,
    /// the thousand oldest at the most; up to which moment.
    pub(in crate::store) async fn mark_read(
        &self,
        conversation: ConversationId,
        after: Micros,
        up_to: Micros,
        contact: ContactId,
    ) -> Result<Micros> {
        let query = self
            .between(conversation, Micros(after.0 + 1), up_to)
            .projection_expression("created_at")
            .filter_expression("contact_id <> :contact AND attribute_not_exists(read_at)")
            .expression_attribute_values(":contact", s(contact));
        let mut pages = Pages::of(query, MAX_MARKED);
        let mut unread: Vec<Key> = Vec::new();
        while let Some(page) = pages.next().await? {
            for item in page.items {
                unread.push(read(item)?);
            }
        }
        let now = self.clock.now();
        let marks = unread.into_iter().map(|Key { created_at }| {
            let id = MessageId::new(created_at, conversation);
            Update::new(
                &self.tables.messages,
                key(id),
                "SET read_at = :now, updated_at = :now ADD version :one",
                "attribute_exists(contact_id) AND attribute_not_exists(read_at)",
            )
            .with(":now", n(now.max(created_at).0))
            .with(":one", n(1))
            .send(&self.db)
        });
        all(marks.collect()).await?;
        match pages.start {
            None => Ok(up_to),
            Some(last) => Ok(read::<Key>(last)?.created_at),
        }
    }

    /// The ids of up to `limit` messages from one moment to another, the oldest first.
    pub(in crate::store) async fn ids_between(
        &self,
        conversation: ConversationId,
        first: Micros,
        last: Micros,
        limit: usize,
    ) -> Result<Vec<MessageId>> {
        let between = self.between(conversation, first, last);
        let items = query(between.projection_expression("created_at"), limit).await?;
        let ids = items.into_iter().map(|item| {
            let Key { created_at } = read(item)?;
            Ok(MessageId::new(created_at, conversation))
        });
        ids.collect()
    }

    fn newest_first(&self, conversation: ConversationId) -> QueryFluentBuilder {
        self.db
            .query()
            .table_name(&self.tables.messages)
            .consistent_read(true)
            .key_condition_expression("conversation_id = :conversation")
            .expression_attribute_values(":conversation", s(conversation))
            .scan_index_forward(false)
    }

    /// The messages from one moment to another, the oldest first.
    pub(super) fn between(
        &self,
        conversation: ConversationId,
        first: Micros,
        last: Micros,
    ) -> QueryFluentBuilder {
        self.db
            .query()
            .table_name(&self.tables.messages)
            .consistent_read(true)
            .key_condition_expression(
                "conversation_id = :conversation AND created_at BETWEEN :first AND :last",
            )
            .expression_attribute_values(":conversation", s(conversation))
            .expression_attribute_values(":first", n(first.0))
            .expression_attribute_values(":last", n(last.0.max(first.0)))
    }
}

/// The pages of a query with a filter, until so many items have been looked at.
struct Pages {
    query: QueryFluentBuilder,
    left: usize,
    start: Option<Item>,
    begun: bool,
}

/// What passed the filter.
struct Filtered {
    items: Vec<Item>,
    count: usize,
}

impl Pages {
    fn of(query: QueryFluentBuilder, limit: usize) -> Self {
        Self {
            query,
            left: limit,
            start: None,
            begun: false,
        }
    }

    async fn next(&mut self) -> Result<Option<Filtered>> {
        if self.left == 0 || (self.begun && self.start.is_none()) {
            return Ok(None);
        }
        self.begun = true;
        let limit = i32::try_from(self.left).map_err(Error::internal)?;
        let query = self.query.clone().limit(limit);
        let page = query
            .set_exclusive_start_key(self.start.take())
            .send()
            .await?;
        let looked_at = usize::try_from(page.scanned_count).unwrap_or_default();
        self.left = self.left.saturating_sub(looked_at);
        self.start = page.last_evaluated_key;
        Ok(Some(Filtered {
            items: page.items.unwrap_or_default(),
            count: usize::try_from(page.count).unwrap_or_default(),
        }))
    }
}
