//! The table of conversations: a conversation, and a pair.
//!
//! Two contacts have at most one unnamed conversation of two because it has a second item: its `id` is
//! `@` and both contacts, its `conversation_id` is the conversation.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};

use crate::error::{CreatorOnly, Error, Result};
use crate::id::{ContactId, ConversationId};
use crate::message::MAX_PINNED;
use crate::metadata::Metadata;
use crate::store::Store;
use crate::store::dynamodb::batch::BatchItems;
use crate::store::dynamodb::item::{Item, from_item, string_attr};
use crate::store::dynamodb::transaction::delete_if;
use crate::store::items::read_log::ReadLog;
use crate::time::Micros;

#[derive(Clone, Deserialize, Serialize)]
pub struct ConversationItem {
    pub id: ConversationId,
    /// Only they can see it. The attribute is absent once the last participant has left, because a set
    /// cannot be empty.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "serde_dynamo::string_set"
    )]
    pub participants: BTreeSet<ContactId>,
    /// The participants who have not accepted yet. They can read, and are listed apart.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "serde_dynamo::string_set"
    )]
    pub pending: BTreeSet<ContactId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creator: Option<ContactId>,
    /// The id of its pair item, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
    /// Whether it was the conversation of a pair, of whom one has left. Absent until somebody leaves, and if that
    /// was before this was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was_of_two: Option<bool>,
    /// When the pinned messages were sent: with the conversation, these are their keys.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "serde_dynamo::number_set"
    )]
    pub pinned_messages: BTreeSet<Micros>,
    /// When the operator closed it: then nobody can write to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Micros>,
    /// The last participant who left, while the messages are being deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<ContactId>,
    /// The recent marks of `read_up_to`.
    #[serde(default, skip_serializing_if = "ReadLog::is_empty")]
    pub read_log: ReadLog,
    pub created_at: Micros,
}

impl ConversationItem {
    /// Fails if the operator has closed it.
    pub fn check_is_open(&self) -> Result<()> {
        match self.closed_at {
            None => Ok(()),
            Some(_) => Err(Error::ConversationClosed),
        }
    }

    /// Fails if it has as many pinned messages as possible.
    pub fn check_may_pin_one_more(&self) -> Result<()> {
        if self.pinned_messages.len() < MAX_PINNED {
            Ok(())
        } else {
            Err(Error::TooManyPinned)
        }
    }

    /// Whether it belongs to two contacts: it cannot be named, and nobody can be added.
    pub fn is_of_two(&self) -> bool {
        self.pair.is_some() || self.was_of_two == Some(true)
    }

    /// Whether two contacts are alone in it, whatever its name.
    pub fn is_between_two(&self) -> bool {
        self.is_of_two() || self.participants.len() == 2
    }

    /// The contact and the other one, if only these two talk in it: a third who has not accepted does not count.
    pub fn two_who_talk(&self, contact: ContactId) -> Option<BTreeSet<ContactId>> {
        let accepted = self.accepted();
        if self.is_between_two() {
            Some(self.participants.clone())
        } else {
            Some(accepted).filter(|two| two.len() == 2 && two.contains(&contact))
        }
    }

    /// Whether this participant has not accepted yet.
    pub fn is_pending(&self, contact: ContactId) -> bool {
        self.pending.contains(&contact)
    }

    /// The participants who have accepted.
    pub fn accepted(&self) -> BTreeSet<ContactId> {
        self.participants
            .difference(&self.pending)
            .copied()
            .collect()
    }

    /// Whether this contact is a participant who has accepted.
    pub fn has_accepted(&self, contact: ContactId) -> bool {
        self.participants.contains(&contact) && !self.is_pending(contact)
    }

    /// Only the creator may name a conversation. Once the creator has left, every participant may, until the creator
    /// has accepted again.
    pub fn can_be_named_by(&self, contact: ContactId) -> bool {
        let creator = self.creator.filter(|&creator| self.has_accepted(creator));
        creator.is_none_or(|creator| creator == contact)
    }

    /// A contact that may name a conversation may add and remove participants, if it has a name.
    pub fn check_can_be_managed_by(&self, contact: ContactId) -> Result<()> {
        if self.is_of_two() {
            return Err(Error::ConversationOfTwo(CreatorOnly::Participants));
        }
        if self.is_pending(contact) {
            return Err(Error::ConversationPending);
        }
        if !self.can_be_named_by(contact) {
            return Err(Error::NotTheCreator(CreatorOnly::Participants));
        }
        if self.name.is_none() {
            return Err(Error::ConversationUnnamed);
        }
        Ok(())
    }
}

#[derive(Deserialize, Serialize)]
pub struct PairItem {
    pub id: String,
    pub conversation_id: ConversationId,
}

/// An item of the table.
pub enum ConversationTableItem {
    Conversation(Box<ConversationItem>),
    Pair(PairItem),
}

impl ConversationTableItem {
    pub fn from_item(item: Item) -> Result<Self> {
        if item.contains_key("conversation_id") {
            from_item(item).map(Self::Pair)
        } else {
            from_item(item).map(Box::new).map(Self::Conversation)
        }
    }
}

/// The key of a conversation.
pub fn key(id: ConversationId) -> Item {
    Item::from([("id".to_owned(), string_attr(id))])
}

/// The id of the pair item of two contacts; none if they are not two.
pub fn pair_id(participants: &BTreeSet<ContactId>) -> Option<String> {
    let [first, second] = *participants.iter().collect::<Vec<_>>() else {
        return None;
    };
    Some(format!("@{first}:{second}"))
}

pub fn pair_key(pair_id: &str) -> Item {
    Item::from([("id".to_owned(), string_attr(pair_id))])
}

/// The conversation if the contact is a participant: the one check that every access goes through.
pub fn visible_to(
    contact: ContactId,
    conversation: Option<ConversationItem>,
) -> Option<ConversationItem> {
    conversation.filter(|conversation| conversation.participants.contains(&contact))
}

impl Store {
    pub(in crate::store) fn take_conversations(
        &self,
        items: &mut BatchItems,
    ) -> Result<Vec<ConversationItem>> {
        items.take(&self.tables.conversations)
    }

    /// Deletes the pair item of a conversation, so that its two contacts can create a new one.
    pub(in crate::store) fn delete_pair(
        &self,
        conversation: &ConversationItem,
    ) -> Result<Option<TransactWriteItem>> {
        let table = &self.tables.conversations;
        let id = || string_attr(conversation.id);
        let delete = |pair: &String| delete_if(table, pair_key(pair), "conversation_id", id());
        conversation.pair.as_ref().map(delete).transpose()
    }
}
