//! The table of memberships: one item per participant and conversation, with the participant's own state.
//!
//! An item is in one of two states. An active membership has a `place`. When the participant leaves, the
//! same item becomes an ended membership, with `left_at` and without `place`, so that the cleanup can be
//! resumed and leaving can be repeated for a day.
//!
//! `place` is the position in one of the participant's lists: `o` (open), `a` (archived) or `p` (pending, not
//! accepted yet), then an id made of the latest activity and the conversation. The local index `by_place`
//! sorts by it, so a page of a list of conversations is one query.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::Store;
use crate::store::consent::DECLINE_DURATION;
use crate::store::dynamodb::batch::BatchItems;
use crate::store::dynamodb::item::{Item, from_item, number_attr, string_attr};
use crate::store::dynamodb::transaction::put_new;
use crate::store::dynamodb::update::Update;
use crate::store::items::conversation::ConversationItem;
use crate::time::{Micros, Seconds};

/// What the participant itself changed last. Moves by messages remove it, so that the filter of the stream ignores them;
/// other writers leave it, which repeats an event at most.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LastChange {
    /// It has joined.
    Joined,
    /// It has changed a setting, or marked messages as read.
    Settings,
    /// What a later version of this code has written.
    #[serde(other)]
    Other,
}

/// An active membership.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Membership {
    pub contact_id: ContactId,
    pub conversation_id: ConversationId,
    #[serde(rename = "place")]
    pub position: ListPosition,
    pub joined_at: Micros,
    /// Who made the contact a participant, if that was another contact. Absent in memberships of before it was
    /// stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_by: Option<ContactId>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_change: Option<LastChange>,
}

impl Membership {
    pub fn new(
        contact: ContactId,
        conversation: ConversationId,
        list: ConversationList,
        joined_at: Micros,
    ) -> Self {
        Self {
            contact_id: contact,
            conversation_id: conversation,
            position: ListPosition {
                list,
                latest: MessageId::new(joined_at, conversation),
            },
            joined_at,
            added_by: None,
            sent_at: None,
            read_up_to: None,
            opened_at: None,
            archived_at: None,
            is_pinned: false,
            is_muted: false,
            last_change: Some(LastChange::Joined),
        }
    }

    /// All messages up to this moment are marked as read.
    pub fn marked_up_to(&self) -> Micros {
        self.read_up_to.unwrap_or(self.joined_at)
    }

    /// Whether there was activity after what the participant has seen.
    pub fn has_activity(&self) -> bool {
        self.position.latest.created_at() > self.seen_up_to()
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
    /// Whether it was removed, and did not leave.
    #[serde(default)]
    pub was_removed: bool,
    /// Who added it.
    pub added_by: Option<ContactId>,
    /// Whether the contact is no acquaintance of the others any more because of this conversation.
    #[serde(default)]
    pub acquaintances_removed: bool,
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

/// A participant's lists of conversations, in the order of their positions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConversationList {
    /// Archived.
    Archived,
    /// Accepted, and not archived.
    Open,
    /// Not accepted yet.
    Pending,
}

impl ConversationList {
    const ALL: [Self; 3] = [Self::Archived, Self::Open, Self::Pending];

    /// What the positions in this list begin with.
    pub(in crate::store) fn prefix(self) -> char {
        match self {
            Self::Archived => 'a',
            Self::Open => 'o',
            Self::Pending => 'p',
        }
    }

    /// The position of a conversation in this list.
    pub(in crate::store) fn position(self, latest: MessageId) -> ListPosition {
        ListPosition { list: self, latest }
    }
}

/// The position of a conversation in one of a participant's lists.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ListPosition {
    pub list: ConversationList,
    /// The latest activity and the conversation; usually the id of the newest message.
    pub latest: MessageId,
}

impl fmt::Display for ListPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.list.prefix(), self.latest)
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
        let position = ConversationList::ALL.into_iter().find_map(|list| {
            let latest = text.strip_prefix(list.prefix())?.parse().ok()?;
            Some(Self { list, latest })
        });
        position.ok_or(InvalidListPosition)
    }
}

/// A text is not a list position.
#[derive(Debug, thiserror::Error)]
#[error("must be o, a or p and the id of a message")]
pub struct InvalidListPosition;

pub fn key(contact: ContactId, conversation: ConversationId) -> Item {
    Item::from([
        ("contact_id".to_owned(), string_attr(contact)),
        ("conversation_id".to_owned(), string_attr(conversation)),
    ])
}

impl Store {
    /// The active memberships from a batch.
    pub(in crate::store) fn take_memberships(
        &self,
        items: &mut BatchItems,
    ) -> Result<Vec<Membership>> {
        let items = items.take_items(&self.tables.memberships).into_iter();
        let active = items.filter(|item| item.contains_key("place"));
        active.map(from_item).collect()
    }

    /// Creates the memberships of new participants of a conversation, whom a contact adds, or an operator.
    pub(in crate::store) fn membership_puts(
        &self,
        conversation: &ConversationItem,
        contacts: &BTreeSet<ContactId>,
        joined_at: Micros,
        added_by: Option<ContactId>,
    ) -> Result<Vec<TransactWriteItem>> {
        let put = |&contact| {
            let list = if conversation.is_pending(contact) {
                ConversationList::Pending
            } else {
                ConversationList::Open
            };
            let membership = Membership {
                added_by: added_by.filter(|&other| other != contact),
                ..Membership::new(contact, conversation.id, list, joined_at)
            };
            put_new(&self.tables.memberships, "place", &membership)
        };
        contacts.iter().map(put).collect()
    }

    /// The same, unless one of them left or declined the conversation within the last day. Those who were
    /// removed can be added again.
    pub(in crate::store) fn membership_puts_unless_declined(
        &self,
        conversation: &ConversationItem,
        contacts: &BTreeSet<ContactId>,
        joined_at: Micros,
        added_by: ContactId,
    ) -> Result<Vec<TransactWriteItem>> {
        let day_ago = self.clock.now().before(DECLINE_DURATION);
        let puts = self.membership_puts(conversation, contacts, joined_at, Some(added_by))?;
        let puts = puts.into_iter().map(|mut item| {
            if let Some(put) = &mut item.put {
                put.condition_expression = Some(
                    "attribute_not_exists(place) AND (attribute_not_exists(left_at) \
                     OR left_at <= :day_ago OR was_removed = :true)"
                        .to_owned(),
                );
                put.expression_attribute_values = Some(HashMap::from([
                    (":day_ago".to_owned(), number_attr(day_ago.0)),
                    (":true".to_owned(), AttributeValue::Bool(true)),
                ]));
            }
            item
        });
        Ok(puts.collect())
    }

    /// Ends a membership.
    pub(in crate::store) fn end_membership(
        &self,
        contact: ContactId,
        conversation: ConversationId,
        left_at: Micros,
        was_removed: bool,
    ) -> Result<TransactWriteItem> {
        let expression = "SET left_at = :left_at, was_removed = :was_removed \
             REMOVE place, sent_at, read_up_to, opened_at, archived_at, is_pinned, is_muted, last_change";
        let key = key(contact, conversation);
        let condition = "attribute_exists(place)";
        Update::new(&self.tables.memberships, key, expression, condition)
            .value(":left_at", number_attr(left_at.0))
            .value(":was_removed", AttributeValue::Bool(was_removed))
            .into_transaction_item()
    }
}
