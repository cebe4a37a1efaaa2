//! Unread messages: counting them and marking them as read.

use aws_sdk_dynamodb::types::Select;

use super::SortKey;
use crate::conversation::MAX_UNREAD;
use crate::error::Result;
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::Store;
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::dynamodb::item::{from_item, number_attr, string_attr};
use crate::store::dynamodb::query::{FilteredQuery, query_items};
use crate::store::dynamodb::update::Update;
use crate::store::items::membership::Membership;
use crate::store::items::message;
use crate::time::Micros;

/// The most messages that one request marks as read.
const MAX_MARKED: usize = 1000;

impl Store {
    /// The unread count of a participant. One round trip if the messages are short; none if there is no
    /// activity after what the participant has seen.
    pub(in crate::store) async fn unread_count(&self, membership: &Membership) -> Result<usize> {
        let seen = membership.seen_up_to();
        if membership.position.latest.created_at() <= seen {
            return Ok(0);
        }
        self.count_by_others(membership.conversation_id, seen, membership.contact_id)
            .await
    }

    /// How many of the [`MAX_UNREAD`] messages after a moment others than `contact` have sent.
    async fn count_by_others(
        &self,
        conversation: ConversationId,
        moment: Micros,
        contact: ContactId,
    ) -> Result<usize> {
        let query = self
            .messages_between(conversation, Micros(moment.0 + 1), Micros::MAX)
            .select(Select::Count)
            .filter_expression("contact_id <> :contact")
            .expression_attribute_values(":contact", string_attr(contact));
        let mut query = FilteredQuery::new(query, MAX_UNREAD);
        let mut count = 0;
        while let Some(page) = query.next_page().await? {
            count += page.count;
        }
        Ok(count)
    }

    /// Sets `read_at` of the unread messages of others between two moments, at most of the 1,000 oldest.
    /// Returns the moment up to which all are marked.
    pub(in crate::store) async fn mark_read(
        &self,
        conversation: ConversationId,
        after: Micros,
        up_to: Micros,
        contact: ContactId,
    ) -> Result<Micros> {
        let query = self
            .messages_between(conversation, Micros(after.0 + 1), up_to)
            .projection_expression("created_at")
            .filter_expression("contact_id <> :contact AND attribute_not_exists(read_at)")
            .expression_attribute_values(":contact", string_attr(contact));
        let mut query = FilteredQuery::new(query, MAX_MARKED);
        let mut unread: Vec<SortKey> = Vec::new();
        while let Some(page) = query.next_page().await? {
            for item in page.items {
                unread.push(from_item(item)?);
            }
        }
        let now = self.clock.now();
        let updates = unread.into_iter().map(|SortKey { created_at }| {
            let id = MessageId::new(created_at, conversation);
            Update::new(
                &self.tables.messages,
                message::key(id),
                "SET read_at = :now, updated_at = :now ADD version :one",
                "attribute_exists(contact_id) AND attribute_not_exists(read_at)",
            )
            .value(":now", number_attr(now.max(created_at).0))
            .value(":one", number_attr(1))
            .send(&self.db)
        });
        join_bounded(updates.collect()).await?;
        match query.last_read_key() {
            None => Ok(up_to),
            Some(key) => Ok(from_item::<SortKey>(key)?.created_at),
        }
    }

    /// The ids of up to `limit` messages from one moment to another (inclusive), oldest first.
    pub(in crate::store) async fn message_ids_between(
        &self,
        conversation: ConversationId,
        first: Micros,
        last: Micros,
        limit: usize,
    ) -> Result<Vec<MessageId>> {
        let query = self.messages_between(conversation, first, last);
        let items = query_items(query.projection_expression("created_at"), limit).await?;
        let ids = items.into_iter().map(|item| {
            let SortKey { created_at } = from_item(item)?;
            Ok(MessageId::new(created_at, conversation))
        });
        ids.collect()
    }
}
