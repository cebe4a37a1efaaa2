//! Queries and updates of memberships that several operations share.

use std::time::Duration;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;

use super::Store;
use super::dynamodb::concurrency::join_bounded;
use super::dynamodb::item::{Item, from_item, number_attr, string_attr};
use super::dynamodb::query::query_items;
use super::dynamodb::update::Update;
use super::items::conversation::ConversationItem;
use super::items::membership::{ConversationList, EndedMembership, Membership, key};
use super::key_range::KeyRange;
use crate::error::Result;
use crate::id::{ContactId, ConversationId, MessageId};
use crate::page::Direction;
use crate::time::{Micros, Seconds};

/// The most conversations of a contact that are searched for other contacts.
const MAX_SEARCHED: usize = 1000;

/// How long leaving can be repeated after the cleanup.
const ENDED_MEMBERSHIP_TTL: Duration = Duration::from_hours(24);

impl Store {
    /// The active membership of a contact. One round trip.
    pub(super) async fn membership(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<Option<Membership>> {
        let item = self.load_membership(contact, conversation).await?;
        let item = item.filter(|item| item.contains_key("place"));
        item.map(from_item).transpose()
    }

    /// The ended membership of a contact. One round trip.
    pub(super) async fn ended_membership(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<Option<EndedMembership>> {
        let item = self.load_membership(contact, conversation).await?;
        let item = item.filter(|item| item.contains_key("left_at"));
        let ended: Option<EndedMembership> = item.map(from_item).transpose()?;
        // TTL deletes days late, so expiry is checked here as well.
        let now = self.clock.now().into();
        Ok(ended.filter(|ended| ended.expires_at.is_none_or(|expires_at| expires_at > now)))
    }

    async fn load_membership(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<Option<Item>> {
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.memberships)
            .set_key(Some(key(contact, conversation)));
        Ok(get.consistent_read(true).send().await?.item)
    }

    /// Up to `limit` memberships in one of a contact's lists, in the direction of the range.
    pub(super) async fn memberships(
        &self,
        contact: ContactId,
        list: ConversationList,
        range: &KeyRange,
        limit: usize,
    ) -> Result<Vec<Membership>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let prefix = list.prefix();
        let query = self
            .memberships_by_position(contact)
            .key_condition_expression("contact_id = :contact AND place BETWEEN :first AND :last")
            .expression_attribute_values(
                ":first",
                string_attr(format_args!("{prefix}{}", range.first)),
            )
            .expression_attribute_values(
                ":last",
                string_attr(format_args!("{prefix}{}", range.last)),
            )
            .scan_index_forward(range.direction == Direction::Newer);
        let items = query_items(query, limit).await?;
        items.into_iter().map(from_item).collect()
    }

    /// The 1,000 most recently active conversations that a contact has accepted, the open ones first.
    pub(super) async fn recent_conversations(
        &self,
        contact: ContactId,
    ) -> Result<Vec<ConversationId>> {
        #[derive(Deserialize)]
        struct Key {
            conversation_id: ConversationId,
        }
        let query = self
            .memberships_by_position(contact)
            .key_condition_expression("contact_id = :contact AND place < :pending")
            .expression_attribute_values(
                ":pending",
                string_attr(ConversationList::Pending.prefix()),
            )
            .projection_expression("conversation_id")
            .scan_index_forward(false);
        let items = query_items(query, MAX_SEARCHED).await?;
        let ids = items
            .into_iter()
            .map(|item| Ok(from_item::<Key>(item)?.conversation_id));
        ids.collect()
    }

    /// A query of a contact's list of conversations, without its key condition.
    fn memberships_by_position(&self, contact: ContactId) -> QueryFluentBuilder {
        self.db
            .query()
            .table_name(&self.tables.memberships)
            .index_name("by_place")
            .consistent_read(true)
            .expression_attribute_values(":contact", string_attr(contact))
    }

    /// Lets an ended membership expire in 24 hours.
    pub(super) async fn expire_ended_membership(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<()> {
        let expires_at = Seconds::from(self.clock.now()).0 + ENDED_MEMBERSHIP_TTL.as_secs();
        let key = key(contact, conversation);
        let expression = "SET expires_at = if_not_exists(expires_at, :expires_at)";
        let update = self.update_of_ended_membership(key, expression);
        let update = update.value(":expires_at", number_attr(expires_at));
        update.send(&self.db).await.map(drop)
    }

    /// Saves where the cleanup of an inbox continues. Acquaintances have been removed before it.
    pub(super) async fn save_cleanup_progress(
        &self,
        ended: &EndedMembership,
        continue_from: Micros,
    ) -> Result<()> {
        let key = key(ended.contact_id, ended.conversation_id);
        let expression = "SET joined_at = :continue_from, acquaintances_removed = :true";
        self.update_of_ended_membership(key, expression)
            .value(":continue_from", number_attr(continue_from.0))
            .value(":true", AttributeValue::Bool(true))
            .send(&self.db)
            .await
            .map(drop)
    }

    /// Remembers of a contact that was removed that it left now.
    pub(super) async fn turn_removal_into_leaving(
        &self,
        contact: ContactId,
        conversation: ConversationId,
        left_at: Micros,
    ) -> Result<()> {
        let expression = "SET left_at = :left_at, was_removed = :false";
        self.update_of_ended_membership(key(contact, conversation), expression)
            .value(":left_at", number_attr(left_at.0))
            .value(":false", AttributeValue::Bool(false))
            .send(&self.db)
            .await
            .map(drop)
    }

    fn update_of_ended_membership(&self, key: Item, expression: &str) -> Update {
        let condition = "attribute_exists(left_at)";
        Update::new(&self.tables.memberships, key, expression, condition)
    }

    /// Moves the conversation of a new message to the top of these participants' lists, and out of their
    /// archives. A conversation that a participant has not accepted stays among the pending ones.
    ///
    /// Each list is updated alone, up to 16 at once, and only upwards, so concurrent sends do not conflict.
    pub(super) async fn move_to_top_of_lists(
        &self,
        id: MessageId,
        contacts: impl IntoIterator<Item = ContactId>,
        conversation: &ConversationItem,
    ) -> Result<()> {
        let moves = contacts.into_iter().map(async |contact| {
            let is_pending = conversation.is_pending(contact);
            self.move_to_top_for(id, contact, is_pending).await
        });
        join_bounded(moves.collect()).await.map(drop)
    }

    /// Moves the conversation of a message to the top of a participant's list.
    pub(super) async fn move_to_top_for(
        &self,
        id: MessageId,
        contact: ContactId,
        is_pending: bool,
    ) -> Result<()> {
        if is_pending && self.move_to_top_of_pending(id, contact).await? {
            return Ok(());
        }
        self.move_to_top_of_list(id, contact, None).await.map(drop)
    }

    /// Moves the conversation of a message to the top of its author's list. Returns false if the author no
    /// longer takes part, or has sent a later message.
    pub(super) async fn move_to_top_for_author(
        &self,
        id: MessageId,
        author: ContactId,
    ) -> Result<bool> {
        let sent_at = id.created_at();
        if self.move_to_top_of_list(id, author, Some(sent_at)).await? {
            return Ok(true);
        }
        // A later message has moved it further up. The author has still seen the messages above.
        let is_newer = "attribute_exists(place) \
             AND (attribute_not_exists(sent_at) OR sent_at < :sent_at)";
        let key = key(author, id.conversation());
        let expression = "SET sent_at = :sent_at REMOVE last_change";
        Update::new(&self.tables.memberships, key, expression, is_newer)
            .value(":sent_at", number_attr(sent_at.0))
            .send(&self.db)
            .await
    }

    /// Returns false if the participant has accepted meanwhile, or if a later message has moved it.
    async fn move_to_top_of_pending(&self, id: MessageId, contact: ContactId) -> Result<bool> {
        let key = key(contact, id.conversation());
        let list = ConversationList::Pending;
        let is_lower = "place BETWEEN :pending AND :place";
        Update::new(
            &self.tables.memberships,
            key,
            "SET place = :place REMOVE last_change",
            is_lower,
        )
        .value(":pending", string_attr(list.prefix()))
        .value(":place", string_attr(list.position(id)))
        .send(&self.db)
        .await
    }

    /// Returns false if the participant no longer takes part, or if a later message has moved it.
    async fn move_to_top_of_list(
        &self,
        id: MessageId,
        contact: ContactId,
        sent_at: Option<Micros>,
    ) -> Result<bool> {
        let key = key(contact, id.conversation());
        let expression = match sent_at {
            Some(_) => "SET place = :place, sent_at = :sent_at REMOVE archived_at, last_change",
            None => "SET place = :place REMOVE archived_at, last_change",
        };
        let archived = ConversationList::Archived.position(id);
        let open = ConversationList::Open;
        let is_lower = "place BETWEEN :open AND :place OR place < :archived";
        let update = Update::new(&self.tables.memberships, key, expression, is_lower);
        let update = match sent_at {
            Some(moment) => update.value(":sent_at", number_attr(moment.0)),
            None => update,
        };
        update
            .value(":place", string_attr(open.position(id)))
            .value(":open", string_attr(open.prefix()))
            .value(":archived", string_attr(archived))
            .send(&self.db)
            .await
    }
}
