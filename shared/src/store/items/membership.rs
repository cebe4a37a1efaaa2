//! The table of memberships: one item per participant and conversation, with the participant's own state.
//!
//! An item is in one of two states. An active membership has a `place`. When the participant leaves, the
//! same item becomes an ended membership, with `left_at` and without `place`, so that the cleanup can be
//! resumed and leaving can be repeated for a day.
//!
//! `place` is the position in the participant's list: `o` (open) or `a` (archived), then an id made of the
//! latest activity and the conversation. The local index `by_place` sorts by it, so a page of the list of
//! conversations is one query.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::Store;
use crate::store::dynamodb::item::{Item, from_item, number_attr, string_attr};
use crate::store::dynamodb::transaction::put_new;
use crate::store::dynamodb::update::Update;
use crate::time::{Micros, Seconds};

/// An active membership.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Membership {
    pub contact_id: ContactId,
    pub conversation_id: ConversationId,
    #[serde(rename = "place")]
    pub position: ListPosition,
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

impl Membership {
    pub fn new(contact: ContactId, conversation: ConversationId, joined_at: Micros) -> Self {
        Self {
            contact_id: contact,
            conversation_id: conversation,
            position: ListPosition::open(MessageId::new(joined_at, conversation)),
            joined_at,
            sent_at: None,
            read_up_to: None,
            opened_at: None,
            archived_at: None,
            is_pinned: false,
            is_muted: false,
        }
    }

    /// All messages up to this moment are marked as read.
    pub fn marked_up_to(&self) -> Micros {
        self.read_up_to.unwrap_or(self.joined_at)
    }

    /// No message up to this moment counts as unread: a sender has seen the messages above its own.
    pub fn seen_up_to(&self) -> Micros {
        self.marked_up_to().max(self.sent_at.unwrap_or(Micros(0)))
    }
}

/// An ended membership.
#[derive(Deserialize)]
pub struct EndedMembership {
    pub contact_id: ContactId,
    pub conversation_id: ConversationId,
    /// The cleanup of the inbox continues here.
    pub joined_at: Micros,
    pub left_at: Micros,
    /// In seconds, as TTL requires; set once the cleanup is complete.
    #[serde(default)]
    pub expires_at: Option<Seconds>,
}

/// An item of the table.
pub enum MembershipTableItem {
    Active(Membership),
    Ended(EndedMembership),
}

impl MembershipTableItem {
    pub fn from_item(item: Item) -> Result<Self> {
        if item.contains_key("left_at") {
            from_item(item).map(Self::Ended)
        } else {
            from_item(item).map(Self::Active)
        }
    }
}

/// The position of a conversation in a participant's list.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ListPosition {
    pub archived: bool,
    /// The latest activity and the conversation; usually the id of the newest message.
    pub latest: MessageId,
}

impl ListPosition {
    pub fn open(latest: MessageId) -> Self {
        Self {
            archived: false,
            latest,
        }
    }

    /// All archived positions sort before all open ones.
    pub fn prefix(archived: bool) -> char {
        if archived { 'a' } else { 'o' }
    }
}

impl fmt::Display for ListPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::prefix(self.archived), self.latest)
    }
}

impl From<ListPosition> for String {
    fn from(position: ListPosition) -> Self {
        position.to_string()
    }
}

impl TryFrom<String> for ListPosition {
    type Error = InvalidListPosition;

    fn try_from(text: String) -> Result<Self, InvalidListPosition> {
        let prefixes = [true, false].map(|archived| (archived, Self::prefix(archived)));
        let position = prefixes.into_iter().find_map(|(archived, prefix)| {
            let latest = text.strip_prefix(prefix)?.parse().ok()?;
            Some(Self { archived, latest })
        });
        position.ok_or(InvalidListPosition)
    }
}

/// A text is not a list position.
#[derive(Debug, thiserror::Error)]
#[error("must be o or a and the id of a message")]
pub struct InvalidListPosition;

pub fn key(contact: ContactId, conversation: ConversationId) -> Item {
    Item::from([
        ("contact_id".to_owned(), string_attr(contact)),
        ("conversation_id".to_owned(), string_attr(conversation)),
    ])
}

impl Store {
    /// Creates the memberships of new participants.
    pub(in crate::store) fn membership_puts(
        &self,
        conversation: ConversationId,
        contacts: &BTreeSet<ContactId>,
        joined_at: Micros,
    ) -> Result<Vec<TransactWriteItem>> {
        let put = |&contact| {
            let membership = Membership::new(contact, conversation, joined_at);
            put_new(&self.tables.memberships, "place", &membership)
        };
        contacts.iter().map(put).collect()
    }

    /// Ends a membership.
    pub(in crate::store) fn end_membership(
        &self,
        contact: ContactId,
        conversation: ConversationId,
        left_at: Micros,
    ) -> Result<TransactWriteItem> {
        let expression = "SET left_at = :left_at \
             REMOVE place, sent_at, read_up_to, opened_at, archived_at, is_pinned, is_muted";
        let key = key(contact, conversation);
        let condition = "attribute_exists(place)";
        Update::new(&self.tables.memberships, key, expression, condition)
            .value(":left_at", number_attr(left_at.0))
            .into_transaction_item()
    }
}
