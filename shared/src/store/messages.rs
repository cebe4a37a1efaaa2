//! The operations on messages.

mod count_unread;
mod create;
mod delete;
mod filter;
mod get;
mod list;
mod list_edits;
mod list_inbox;
mod pinned;
mod update;

use std::collections::{HashMap, HashSet};
use std::future::ready;
use std::iter;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use futures_util::future::try_join;
use serde::Deserialize;

pub(super) use count_unread::correct_unread_count;
pub use create::{CreatedMessage, NewMessage};
pub use filter::MessageFilter;
pub use update::MessageUpdate;

use super::Store;
use super::conversations::Participation;
use super::dynamodb::batch::{BatchGet, BatchItems};
use super::dynamodb::item::{Item, from_item, number_attr, string_attr};
use super::dynamodb::query::{query_items, query_page};
use super::items::conversation::{self, ConversationItem};
use super::items::message::{self, MessageItem};
use super::items::read_log::ReadLog;
use super::viewer::Viewer;
use crate::caller::Caller;
use crate::contact::Profile;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::message::Message;
use crate::page::{Page, Window};
use crate::time::Micros;
use crate::version::Expected;

#[derive(Deserialize)]
struct SortKey {
    created_at: Micros,
}

/// The id of a message of this conversation, from the sort key among these attributes.
fn id_from(conversation: ConversationId, item: Item) -> Result<MessageId> {
    let SortKey { created_at } = from_item(item)?;
    Ok(MessageId::new(created_at, conversation))
}

/// Conversations that are loaded.
pub(super) type Conversations = HashMap<ConversationId, ConversationItem>;

/// What an operation on one message needs to know.
pub(super) struct MessageContext {
    pub participation: Participation,
    /// None if the message does not exist.
    pub message: Option<MessageItem>,
    /// What was read besides.
    items: BatchItems,
}

impl Store {
    /// Authorizes the caller and loads a message, and what is in the batch. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::MessageNotFound`] if the caller is not a participant of the conversation.
    pub(super) async fn load_message_context(
        &self,
        caller: &Caller,
        id: MessageId,
        batch: BatchGet,
    ) -> Result<MessageContext> {
        let batch = batch.keys(&self.tables.messages, [message::key(id)]);
        let read = self.load_as_participant(caller, id.conversation(), batch, ready(Ok(())));
        let (participation, mut items, ()) = read.await.map_err(|error| match error {
            Error::ConversationNotFound => Error::MessageNotFound,
            error => error,
        })?;
        Ok(MessageContext {
            participation,
            message: self.take_messages(&mut items)?.remove(&id),
            items,
        })
    }

    /// Loads a message by itself. One round trip.
    pub(super) async fn load_message(&self, id: MessageId) -> Result<Option<MessageItem>> {
        let batch = BatchGet::default().keys(&self.tables.messages, [message::key(id)]);
        let mut items = batch.send(&self.db).await?;
        Ok(self.take_messages(&mut items)?.remove(&id))
    }

    /// The newest message of a conversation. One round trip.
    pub(super) async fn newest_message(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<MessageItem>> {
        let newest = self.messages_newest_first(conversation);
        let newest = query_items(newest, 1).await?.pop();
        newest.map(MessageItem::from_item).transpose()
    }

    /// When the newest message of a conversation was sent. One round trip.
    pub(super) async fn newest_message_at(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<Micros>> {
        let newest = self.messages_newest_first(conversation);
        let newest = query_items(newest.projection_expression("created_at"), 1)
            .await?
            .pop();
        let key: Option<SortKey> = newest.map(from_item).transpose()?;
        Ok(key.map(|key| key.created_at))
    }

    /// When the last message up to a moment was sent. One round trip.
    pub(super) async fn newest_message_until(
        &self,
        conversation: ConversationId,
        until: Micros,
    ) -> Result<Option<Micros>> {
        let query = self.messages_between(conversation, Micros(0), until);
        let query = query.projection_expression("created_at");
        let newest = query_items(query.scan_index_forward(false), 1).await?.pop();
        let key: Option<SortKey> = newest.map(from_item).transpose()?;
        Ok(key.map(|key| key.created_at))
    }

    fn messages_newest_first(&self, conversation: ConversationId) -> QueryFluentBuilder {
        self.db
            .query()
            .table_name(&self.tables.messages)
            .consistent_read(true)
            .key_condition_expression("conversation_id = :conversation")
            .expression_attribute_values(":conversation", string_attr(conversation))
            .scan_index_forward(false)
    }

    /// The messages of a conversation from one moment to another (inclusive), oldest first.
    pub(super) fn messages_between(
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
            .expression_attribute_values(":conversation", string_attr(conversation))
            .expression_attribute_values(":first", number_attr(first.0))
            .expression_attribute_values(":last", number_attr(last.0.max(first.0)))
    }

    /// The ids of the first messages from one moment to another (inclusive), oldest first: up to `limit`, and at most
    /// 1 MB of messages. Also returns whether more follow.
    pub(super) async fn first_message_ids_between(
        &self,
        conversation: ConversationId,
        first: Micros,
        last: Micros,
        limit: usize,
    ) -> Result<(Vec<MessageId>, bool)> {
        let query = self.messages_between(conversation, first, last);
        let query = query.projection_expression("created_at");
        let (items, has_more) = query_page(query, limit).await?;
        let ids = items.into_iter().map(|item| id_from(conversation, item));
        Ok((ids.collect::<Result<_>>()?, has_more))
    }

    /// Renders a page of the messages of a conversation, of whose contacts some are known. One round trip, or none.
    pub(super) async fn render_page(
        &self,
        page: Page<MessageItem>,
        known: HashMap<ContactId, Profile>,
        conversation: &ConversationItem,
        viewer: Viewer<'_>,
    ) -> Result<Page<Message>> {
        let displayed = page.data.iter().flat_map(MessageItem::displayed_contacts);
        let needed = displayed.chain(viewer.caller()).collect();
        let (displayed, read_log) = try_join(
            self.load_displayed(known, &needed, &page.data),
            self.load_reads(conversation.id, &conversation.read_log, page.data.iter()),
        )
        .await?;
        Ok(page.map(|mut message| {
            read_log.apply(&mut message);
            message.render(viewer, &displayed)
        }))
    }

    /// Renders a message for a participant. One round trip.
    async fn render_message(
        &self,
        mut message: MessageItem,
        participation: &Participation,
    ) -> Result<Message> {
        let mut needed = message.displayed_contacts();
        needed.insert(participation.caller);
        let (displayed, read_log) = try_join(
            self.load_displayed(HashMap::new(), &needed, [&message]),
            self.load_reads_in(participation, &message),
        )
        .await?;
        read_log.apply(&mut message);
        Ok(message.render(participation.viewer(), &displayed))
    }

    /// Loads the conversations of these messages, except for those that are loaded already. One round trip.
    pub(super) async fn load_unknown_conversations(
        &self,
        messages: &[MessageId],
        conversations: &mut Conversations,
    ) -> Result<()> {
        let ids: HashSet<_> = messages.iter().map(MessageId::conversation).collect();
        let unknown = ids.into_iter();
        let unknown = unknown.filter(|id| !conversations.contains_key(id));
        let keys: Vec<_> = unknown.map(conversation::key).collect();
        let batch = BatchGet::default().keys(&self.tables.conversations, keys);
        let mut items = batch.send(&self.db).await?;
        for conversation in self.take_conversations(&mut items)? {
            conversations.insert(conversation.id, conversation);
        }
        Ok(())
    }

    /// Renders messages of several conversations, which are loaded, for a participant of all of them. One round trip:
    /// contacts and quoted messages ‖ older reads.
    pub(super) async fn render_messages(
        &self,
        participant: Option<ContactId>,
        messages: Vec<MessageItem>,
        conversations: &Conversations,
    ) -> Result<Vec<Message>> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let needed = messages.iter().flat_map(MessageItem::displayed_contacts);
        let needed = needed.chain(participant).collect();
        let (displayed, read_logs) = try_join(
            self.load_displayed(HashMap::new(), &needed, &messages),
            self.load_reads_of(conversations, &messages),
        )
        .await?;
        let rendered = messages.into_iter().map(|mut message| {
            if let Some(read_log) = read_logs.get(&message.conversation_id) {
                read_log.apply(&mut message);
            }
            let viewer = Viewer::new(participant, &conversations[&message.conversation_id]);
            message.render(viewer, &displayed)
        });
        Ok(rendered.collect())
    }

    /// The reads of a message. No round trip, or one if it is older than the recent reads.
    async fn load_reads_in(
        &self,
        participation: &Participation,
        message: &MessageItem,
    ) -> Result<ReadLog> {
        let conversation = &participation.conversation;
        self.load_reads(conversation.id, &conversation.read_log, iter::once(message))
            .await
    }
}

/// Fails unless the message is in one of the expected versions.
fn check_version(expected: Option<&Expected>, message: &MessageItem) -> Result<()> {
    if expected.is_none_or(|expected| expected.includes(message.version)) {
        Ok(())
    } else {
        Err(Error::PreconditionFailed)
    }
}

/// The page of a window, given one item more than its limit if there are more.
pub(super) fn page(messages: Vec<MessageItem>, window: &Window) -> Page<MessageItem> {
    let direction = window.direction();
    Page::of(messages, window.limit, direction, MessageItem::max_json_len)
}
