//! Memberships: an item per participant and conversation, with what is the participant's own.
//!
//! `place` is where the conversation stands in the participant's list: `o` for open or `a` for
//! archived, then an id made of the latest activity and the conversation. The index `by_place`
//! sorts by it, so a page of the list is one query. Who has left has no place there.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};

use super::batch::all;
use super::span::Span;
use super::write::{Update, put};
use super::{Item, Store, n, read, s};
use crate::error::Result;
use crate::id::{ContactId, ConversationId, MessageId};
use crate::page::Direction;
use crate::time::{Micros, Seconds};

/// In how many of somebody's conversations the people are looked up.
const MAX_LOOKED_THROUGH: usize = 1000;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Row {
    pub contact_id: ContactId,
    pub conversation_id: ConversationId,
    pub place: Place,
    pub joined_at: Micros,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_up_to: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<Micros>,
    #[serde(default)]
    pub is_pinned: bool,
    #[serde(default)]
    pub is_muted: bool,
}

impl Row {
    /// The membership of one who takes part from `now` on.
    pub(super) fn new(contact: ContactId, conversation: ConversationId, now: Micros) -> Self {
        Self {
            contact_id: contact,
            conversation_id: conversation,
            place: Place::open(MessageId::new(now, conversation)),
            joined_at: now,
            sent_at: None,
            read_up_to: None,
            opened_at: None,
            archived_at: None,
            is_pinned: false,
            is_muted: false,
        }
    }

    /// The moment up to which the participant has marked all as read.
    pub(super) fn marked_up_to(&self) -> Micros {
        self.read_up_to.unwrap_or(self.joined_at)
    }

    /// The moment up to which nothing counts as unread: whoever sends has seen what is above.
    pub(super) fn seen_up_to(&self) -> Micros {
        self.marked_up_to().max(self.sent_at.unwrap_or(Micros(0)))
    }
}

/// Where a conversation stands in a participant's list.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Place {
    pub archived: bool,
    /// The latest activity and the conversation; often, but not always, the id of its newest message.
    pub latest: MessageId,
}

impl Place {
    pub(super) fn open(latest: MessageId) -> Self {
        Self {
            archived: false,
            latest,
        }
    }

    /// Any archived place sorts before any open one.
    fn prefix(archived: bool) -> char {
        if archived { 'a' } else { 'o' }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::prefix(self.archived), self.latest)
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl TryFrom<String> for Place {
    type Error = InvalidPlace;

    fn try_from(text: String) -> Result<Self, InvalidPlace> {
        let prefixes = [true, false].map(|archived| (archived, Self::prefix(archived)));
        let place = prefixes.into_iter().find_map(|(archived, prefix)| {
            let latest = text.strip_prefix(prefix)?.parse().ok()?;
            Some(Self { archived, latest })
        });
        place.ok_or(InvalidPlace)
    }
}

/// Why a text is not a place.
#[derive(Debug, thiserror::Error)]
#[error("must be o or a and the id of a message")]
pub(super) struct InvalidPlace;

/// What is left of a membership, so that leaving can be gone on with and, for a day, repeated.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "they are the attributes")]
pub(super) struct Left {
    pub contact_id: ContactId,
    pub conversation_id: ConversationId,
    pub joined_at: Micros,
    pub left_at: Micros,
    /// In seconds, as the table's TTL wants it; only once all traces are gone.
    #[serde(default)]
    pub expires_at: Option<Seconds>,
}

/// A membership, or what is left of one.
#[derive(Deserialize)]
pub(super) struct Remains {
    pub conversation_id: ConversationId,
    pub place: Option<String>,
    pub left_at: Option<Micros>,
}

impl Store {
    /// What `contact` has of a conversation that it takes part in. One round trip.
    pub(super) async fn membership(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<Option<Row>> {
        let item = self.membership_item(contact, conversation).await?;
        let item = item.filter(|item| item.contains_key("place"));
        item.map(read).transpose()
    }

    /// What is left of a membership that has ended. One round trip.
    pub(super) async fn ended_membership(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<Option<Left>> {
        let item = self.membership_item(contact, conversation).await?;
        let item = item.filter(|item| item.contains_key("left_at"));
        let left: Option<Left> = item.map(read).transpose()?;
        // TTL deletes days late, so the clock decides.
        let now = self.clock.now().into();
        Ok(left.filter(|left| left.expires_at.is_none_or(|expires_at| expires_at > now)))
    }

    async fn membership_item(
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

    /// All memberships of `contact`, and what is left of those that have ended; for operators.
    pub(super) async fn membership_items(&self, contact: ContactId) -> Result<Vec<Remains>> {
        let query = self
            .db
            .query()
            .table_name(&self.tables.memberships)
            .consistent_read(true)
            .key_condition_expression("contact_id = :contact")
            .expression_attribute_values(":contact", s(contact));
        let items = super::query(query, i32::MAX as usize).await?;
        items.into_iter().map(read).collect()
    }

    /// Up to `limit` of the open or the archived memberships of `contact`, nearest first.
    pub(super) async fn memberships(
        &self,
        contact: ContactId,
        archived: bool,
        span: &Span,
        limit: usize,
    ) -> Result<Vec<Row>> {
        if span.is_empty() {
            return Ok(Vec::new());
        }
        let prefix = Place::prefix(archived);
        let query = self
            .by_place(contact)
            .key_condition_expression("contact_id = :contact AND place BETWEEN :first AND :last")
            .expression_attribute_values(":first", s(format_args!("{prefix}{}", span.first)))
            .expression_attribute_values(":last", s(format_args!("{prefix}{}", span.last)))
            .scan_index_forward(span.direction == Direction::Newer);
        let items = super::query(query, limit).await?;
        items.into_iter().map(read).collect()
    }

    /// The thousand most recently active conversations of `contact`, the open ones first.
    pub(super) async fn conversations_of(&self, contact: ContactId) -> Result<Vec<ConversationId>> {
        #[derive(Deserialize)]
        struct Key {
            conversation_id: ConversationId,
        }
        let query = self
            .by_place(contact)
            .key_condition_expression("contact_id = :contact")
            .projection_expression("conversation_id")
            .scan_index_forward(false);
        let items = super::query(query, MAX_LOOKED_THROUGH).await?;
        let ids = items
            .into_iter()
            .map(|item| Ok(read::<Key>(item)?.conversation_id));
        ids.collect()
    }

    /// A query of the list of `contact`, which still wants its condition.
    fn by_place(&self, contact: ContactId) -> QueryFluentBuilder {
        self.db
            .query()
            .table_name(&self.tables.memberships)
            .index_name("by_place")
            .consistent_read(true)
            .expression_attribute_values(":contact", s(contact))
    }

    /// The part of a transaction that lets these contacts take part from `now` on.
    pub(super) fn joins(
        &self,
        conversation: ConversationId,
        contacts: &BTreeSet<ContactId>,
        now: Micros,
    ) -> Result<Vec<TransactWriteItem>> {
        let join = |&contact| {
            let row = Row::new(contact, conversation, now);
            put(&self.tables.memberships, "place", &row)
        };
        contacts.iter().map(join).collect()
    }

    /// The part of a transaction that ends a membership.
    pub(super) fn ends(
        &self,
        contact: ContactId,
        conversation: ConversationId,
        now: Micros,
    ) -> Result<TransactWriteItem> {
        let expression = "SET left_at = :now \
             REMOVE place, sent_at, read_up_to, opened_at, archived_at, is_pinned, is_muted";
        let key = key(contact, conversation);
        let condition = "attribute_exists(place)";
        Update::new(&self.tables.memberships, key, expression, condition)
            .with(":now", n(now.0))
            .into_part()
    }

    /// Keeps what is left of a membership for a day more, so that leaving can be repeated.
    pub(super) async fn forget_in_a_day(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<()> {
        const A_DAY: u64 = 24 * 60 * 60;
        let expires_at = Seconds::from(self.clock.now()).0 + A_DAY;
        let expression = "SET expires_at = if_not_exists(expires_at, :expires_at)";
        let key = key(contact, conversation);
        let condition = "attribute_exists(left_at)";
        let update = Update::new(&self.tables.memberships, key, expression, condition);
        let update = update.with(":expires_at", n(expires_at));
        update.send(&self.db).await.map(drop)
    }

    /// Moves the conversation of a new message to the top of its participants' lists, archived or not.
    ///
    /// Each list by itself, 16 at a time, and none that has moved further already, so sends do not wait
    /// for each other.
    pub(super) async fn move_up(
        &self,
        id: MessageId,
        author: ContactId,
        participants: &BTreeSet<ContactId>,
    ) -> Result<()> {
        let moves = participants.iter().map(|&contact| {
            let sent_at = (contact == author).then_some(id.created_at());
            self.move_one_up(id, contact, sent_at)
        });
        all(moves.collect()).await.map(drop)
    }

    async fn move_one_up(
        &self,
        id: MessageId,
        contact: ContactId,
        sent_at: Option<Micros>,
    ) -> Result<()> {
        let update = |expression, condition| {
            let key = key(contact, id.conversation());
            let update = Update::new(&self.tables.memberships, key, expression, condition);
            match sent_at {
                Some(moment) => update.with(":sent_at", n(moment.0)),
                None => update,
            }
        };
        let expression = match sent_at {
            Some(_) => "SET place = :place, sent_at = :sent_at REMOVE archived_at",
            None => "SET place = :place REMOVE archived_at",
        };
        let archived = Place {
            archived: true,
            latest: id,
        };
        let condition = "place BETWEEN :open AND :place OR place < :archived";
        let rise = update(expression, condition)
            .with(":place", s(Place::open(id)))
            .with(":open", s(Place::prefix(false)))
            .with(":archived", s(archived));
        if !rise.send(&self.db).await? && sent_at.is_some() {
            // A later message has moved it further; that its author has seen what is above still holds.
            let newer = "attribute_exists(place) \
                 AND (attribute_not_exists(sent_at) OR sent_at < :sent_at)";
            update("SET sent_at = :sent_at", newer)
                .send(&self.db)
                .await?;
        }
        Ok(())
    }

    /// How many messages `row`'s participant has not seen yet, as far as they are counted.
    ///
    /// One round trip; none if nothing has happened since.
    pub(super) async fn unread(&self, row: &Row) -> Result<usize> {
        let seen = row.seen_up_to();
        if row.place.latest.created_at() <= seen {
            return Ok(0);
        }
        self.count_after(row.conversation_id, seen, row.contact_id)
            .await
    }

    /// The same for many.
    pub(super) async fn all_unread(&self, rows: &[Row]) -> Result<Vec<usize>> {
        all(rows.iter().map(|row| self.unread(row)).collect()).await
    }
}

pub(super) fn key(contact: ContactId, conversation: ConversationId) -> Item {
    Item::from([
        ("contact_id".to_owned(), s(contact)),
        ("conversation_id".to_owned(), s(conversation)),
    ])
}
