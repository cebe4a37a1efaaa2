//! What participants have marked as read (`items::read_log`): marking, and looking up.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use futures_util::future::try_join;

use super::Store;
use super::cleanup::{CleanupLimit, Progress};
use super::dynamodb::concurrency::join_bounded;
use super::dynamodb::item::{from_item, string_attr, to_attribute};
use super::dynamodb::query::query_items;
use super::dynamodb::update::Update;
use super::items::conversation::{self, ConversationItem};
use super::items::message::MessageItem;
use super::items::read_log::{
    MIN_MOVED, Rank, ReadInterval, ReadLog, ReadsItem, Span, key, sort_key,
};
use crate::error::Result;
use crate::id::{ContactId, ConversationId};
use crate::time::Micros;

impl Store {
    /// Marks all messages of a conversation up to a moment as read by a participant. Returns the log after it;
    /// none if the log or the participants have changed since the conversation was read. One round trip, none if
    /// it makes no difference, and two if older intervals are moved to the table.
    pub(super) async fn mark_read(
        &self,
        conversation: &ConversationItem,
        reader: ContactId,
        up_to: Micros,
    ) -> Result<Option<ReadLog>> {
        let before = &conversation.read_log;
        let Some(mut marked) = before.mark(reader, up_to, self.clock.now()) else {
            return Ok(Some(before.clone()));
        };
        // To the table first: if the update does not follow, the intervals are in both, which is harmless.
        if let Some(oldest) = marked.take_oldest() {
            self.write_older(conversation.id, oldest).await?;
        }
        let written = self.replace_read_log(conversation, &marked, Some(reader));
        Ok(written.await?.then_some(marked))
    }

    /// Replaces the log of a conversation, if it and the participation of the reader are as before.
    pub(super) async fn replace_read_log(
        &self,
        conversation: &ConversationItem,
        log: &ReadLog,
        reader: Option<ContactId>,
    ) -> Result<bool> {
        let mut condition = if conversation.read_log.is_empty() {
            "attribute_exists(id) AND attribute_not_exists(read_log)".to_owned()
        } else {
            "read_log = :before".to_owned()
        };
        let mut values = vec![(":log", to_attribute(log)?)];
        if !conversation.read_log.is_empty() {
            values.push((":before", to_attribute(&conversation.read_log)?));
        }
        if let Some(reader) = reader {
            condition += " AND contains(participants, :reader)";
            values.push((":reader", string_attr(reader)));
        }
        let key = conversation::key(conversation.id);
        let table = &self.tables.conversations;
        let update = Update::new(table, key, "SET read_log = :log", &condition);
        update.values(values).send(&self.db).await
    }

    /// Adds intervals to the table. If the item exists, an interrupted mark has written it; it has the same
    /// intervals, and possibly some before them.
    async fn write_older(
        &self,
        conversation: ConversationId,
        intervals: Vec<ReadInterval>,
    ) -> Result<()> {
        let Some(item) = ReadsItem::of(conversation, intervals) else {
            return Ok(());
        };
        let key = key(conversation, &item.up_to);
        let is_new = "attribute_not_exists(conversation_id)";
        let update = Update::new(
            &self.tables.reads,
            key,
            "SET intervals = :intervals",
            is_new,
        );
        let update = update.value(":intervals", to_attribute(&item.intervals)?);
        update.send(&self.db).await.map(drop)
    }

    /// The log of a conversation with the intervals of these messages. No round trip for messages as recent as the
    /// log in the conversation's item; otherwise one, of one query or two.
    pub(super) async fn load_reads<'a>(
        &self,
        conversation: ConversationId,
        recent: &ReadLog,
        messages: impl Iterator<Item = &'a MessageItem> + Clone,
    ) -> Result<ReadLog> {
        let older = |rank| {
            let missing = recent.missing(rank, messages.clone());
            self.older_intervals(conversation, rank, missing)
        };
        let (first, second) = try_join(older(Rank::First), older(Rank::Second)).await?;
        let mut log = recent.clone();
        log.extend(first);
        log.extend(second);
        Ok(log)
    }

    /// The logs of several conversations with the intervals of these messages. At most one round trip.
    pub(super) async fn load_reads_of(
        &self,
        conversations: &HashMap<ConversationId, ConversationItem>,
        messages: &[MessageItem],
    ) -> Result<HashMap<ConversationId, ReadLog>> {
        let mut grouped: HashMap<_, Vec<_>> = HashMap::new();
        for message in messages {
            let group = grouped.entry(message.conversation_id).or_default();
            group.push(message);
        }
        let groups = grouped.iter().filter_map(|(id, messages)| {
            let conversation = conversations.get(id)?;
            Some(async move {
                let messages = messages.iter().copied();
                let log = self.load_reads(*id, &conversation.read_log, messages);
                Ok((*id, log.await?))
            })
        });
        Ok(join_bounded(groups.collect()).await?.into_iter().collect())
    }

    /// The intervals of a rank in the table that overlap a span, and a few more. One query; more if an item has
    /// fewer intervals than usual.
    async fn older_intervals(
        &self,
        conversation: ConversationId,
        rank: Rank,
        span: Option<Span>,
    ) -> Result<Vec<ReadInterval>> {
        let mut intervals = Vec::new();
        let Some(mut span) = span else {
            return Ok(intervals);
        };
        // Each message can be in another interval; the first and the last item can begin and end elsewhere.
        let limit = span.messages / MIN_MOVED + 2;
        loop {
            let query = self
                .reads_of(conversation)
                .key_condition_expression(
                    "conversation_id = :conversation AND up_to BETWEEN :first AND :last",
                )
                .expression_attribute_values(":first", string_attr(sort_key(rank, span.first)))
                .expression_attribute_values(":last", string_attr(sort_key(rank, Micros::MAX)));
            let items = query_items(query, limit).await?;
            let is_last = items.len() < limit;
            let mut end = Micros(0);
            for item in items {
                let item: ReadsItem = from_item(item)?;
                end = item.end();
                intervals.extend(item.intervals);
            }
            if is_last || end >= span.last {
                return Ok(intervals);
            }
            span.first = Micros(end.0 + 1);
        }
    }

    /// A query of a conversation's items in the table, without its key condition.
    fn reads_of(&self, conversation: ConversationId) -> QueryFluentBuilder {
        self.db
            .query()
            .table_name(&self.tables.reads)
            .consistent_read(true)
            .expression_attribute_values(":conversation", string_attr(conversation))
    }

    /// Deletes the intervals of a conversation that is being deleted.
    pub(super) async fn delete_reads(
        &self,
        conversation: ConversationId,
        limit: CleanupLimit,
    ) -> Result<Progress> {
        let keys = self
            .reads_of(conversation)
            .key_condition_expression("conversation_id = :conversation")
            .projection_expression("conversation_id, up_to");
        self.delete_queried(&self.tables.reads, &keys, limit).await
    }
}
