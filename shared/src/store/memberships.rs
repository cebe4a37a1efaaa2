//! Queries and updates of memberships that several operations share.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use serde::Deserialize;

use super::Store;
use super::dynamodb::concurrency::join_bounded;
use super::dynamodb::item::{Item, from_item, number_attr, string_attr};
use super::dynamodb::query::query_items;
use super::dynamodb::update::Update;
use super::items::membership::{EndedMembership, ListPosition, Membership, key};
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

    /// Up to `limit` of the open or the archived memberships of a contact, in the direction of the range.
    pub(super) async fn memberships(
        &self,
        contact: ContactId,
        archived: bool,
        range: &KeyRange,
        limit: usize,
    ) -> Result<Vec<Membership>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let prefix = ListPosition::prefix(archived);
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

    /// The 1,000 most recently active conversations of a contact, the open ones first.
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
            .key_condition_expression("contact_id = :contact")
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
        let expression = "SET expires_at = if_not_exists(expires_at, :expires_at)";
        self.update_ended_membership(
            key(contact, conversation),
            expression,
            ":expires_at",
            expires_at,
        )
        .await
    }

    /// Saves where the cleanup of an inbox continues.
    pub(super) async fn save_cleanup_progress(
        &self,
        ended: &EndedMembership,
        continue_from: Micros,
    ) -> Result<()> {
        let key = key(ended.contact_id, ended.conversation_id);
        let expression = "SET joined_at = :continue_from";
        self.update_ended_membership(key, expression, ":continue_from", continue_from.0)
            .await
    }

    async fn update_ended_membership(
        &self,
        key: Item,
        expression: &str,
        name: &str,
        value: u64,
    ) -> Result<()> {
        let condition = "attribute_exists(left_at)";
        let update = Update::new(&self.tables.memberships, key, expression, condition);
        let update = update.value(name, number_attr(value));
        update.send(&self.db).await.map(drop)
    }

    /// Moves the conversation of a new message to the top of its participants' lists, and out of their
    /// archives.
    ///
    /// Each list is updated alone, up to 16 at once, and only upwards, so concurrent sends do not conflict.
    pub(super) async fn move_to_top_of_lists(
        &self,
        id: MessageId,
        author: ContactId,
        participants: &BTreeSet<ContactId>,
    ) -> Result<()> {
        let moves = participants.iter().map(|&contact| {
            let sent_at = (contact == author).then_some(id.created_at());
            self.move_to_top_of_list(id, contact, sent_at)
        });
        join_bounded(moves.collect()).await.map(drop)
    }

    async fn move_to_top_of_list(
        &self,
        id: MessageId,
        contact: ContactId,
        sent_at: Option<Micros>,
    ) -> Result<()> {
        let update = |expression, condition| {
            let key = key(contact, id.conversation());
            let update = Update::new(&self.tables.memberships, key, expression, condition);
            match sent_at {
                Some(moment) => update.value(":sent_at", number_attr(moment.0)),
                None => update,
            }
        };
        let expression = match sent_at {
            Some(_) => "SET place = :place, sent_at = :sent_at REMOVE archived_at",
            None => "SET place = :place REMOVE archived_at",
        };
        let archived = ListPosition {
            archived: true,
            latest: id,
        };
        let is_lower = "place BETWEEN :open AND :place OR place < :archived";
        let moved = update(expression, is_lower)
            .value(":place", string_attr(ListPosition::open(id)))
            .value(":open", string_attr(ListPosition::prefix(false)))
            .value(":archived", string_attr(archived));
        if !moved.send(&self.db).await? && sent_at.is_some() {
            // A later message has moved it further up. The author has still seen the messages above.
            let is_newer = "attribute_exists(place) \
                 AND (attribute_not_exists(sent_at) OR sent_at < :sent_at)";
            update("SET sent_at = :sent_at", is_newer)
                .send(&self.db)
                .await?;
        }
        Ok(())
    }
}
