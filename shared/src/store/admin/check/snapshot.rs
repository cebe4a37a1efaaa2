//! The items of all tables, reduced to what refers to other items.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Deserialize;

use super::inconsistency::Inconsistency;
use crate::contact::Username;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::dynamodb::item::{Item, from_item};
use crate::store::items::contact::ContactTableItem;
use crate::store::items::conversation::{ConversationItem, ConversationTableItem};
use crate::store::items::inbox_entry::InboxEntry;
use crate::store::items::membership::{EndedMembership, Membership, MembershipTableItem};
use crate::store::items::token::{TokenItem, TokenListing};
use crate::time::{MAX_IN_FLIGHT, Micros, Seconds};

type MembershipKey = (ContactId, ConversationId);

pub struct Snapshot {
    /// Anything later may be in flight.
    pub settled: Micros,
    pub now: Seconds,
    /// The number of items by table.
    pub tables: BTreeMap<&'static str, usize>,
    /// The usernames by contact.
    pub usernames: HashMap<ContactId, ActualUsername>,
    /// The owners by username in lower case.
    pub owners: HashMap<String, ContactId>,
    /// The listings by token hash.
    pub listings: HashMap<String, TokenListing>,
    /// The tokens by hash.
    pub tokens: HashMap<String, TokenItem>,
    pub conversations: HashMap<ConversationId, ConversationItem>,
    /// The conversations by pair.
    pub pairs: HashMap<String, ConversationId>,
    pub memberships: HashMap<MembershipKey, Membership>,
    pub ended: HashMap<MembershipKey, EndedMembership>,
    pub messages: HashSet<MessageId>,
    /// The newest settled message by conversation.
    pub newest: HashMap<ConversationId, MessageId>,
    /// Only the inconsistent inbox entries, because there are too many to keep them all.
    pub entries: Vec<Inconsistency>,
    pub unfinished_leaves: BTreeSet<MembershipKey>,
}

/// The username in a contact, and the same in lower case.
pub struct ActualUsername {
    pub username: String,
    pub folded: String,
}

impl Snapshot {
    pub fn new(now: Micros) -> Self {
        Self {
            settled: now.before(MAX_IN_FLIGHT),
            now: now.into(),
            tables: BTreeMap::new(),
            usernames: HashMap::new(),
            owners: HashMap::new(),
            listings: HashMap::new(),
            tokens: HashMap::new(),
            conversations: HashMap::new(),
            pairs: HashMap::new(),
            memberships: HashMap::new(),
            ended: HashMap::new(),
            messages: HashSet::new(),
            newest: HashMap::new(),
            entries: Vec::new(),
            unfinished_leaves: BTreeSet::new(),
        }
    }

    pub fn add_contact(&mut self, item: Item) -> Result<()> {
        self.count("contacts");
        match ContactTableItem::from_item(item)? {
            ContactTableItem::Username(username) => {
                let folded = username.folded().to_owned();
                self.owners.insert(folded, username.contact_id);
            }
            ContactTableItem::Contact(contact) => {
                let username = Username::try_from(contact.username.clone());
                let actual = ActualUsername {
                    folded: username.map_err(Error::internal)?.folded(),
                    username: contact.username,
                };
                self.usernames.insert(contact.id, actual);
            }
        }
        Ok(())
    }

    pub fn add_listing(&mut self, item: Item) -> Result<()> {
        self.count("token_ids");
        let listing: TokenListing = from_item(item)?;
        self.listings.insert(listing.token_hash.clone(), listing);
        Ok(())
    }

    pub fn add_token(&mut self, item: Item) -> Result<()> {
        self.count("tokens");
        let token: TokenItem = from_item(item)?;
        self.tokens.insert(token.token_hash.clone(), token);
        Ok(())
    }

    pub fn add_conversation(&mut self, item: Item) -> Result<()> {
        self.count("conversations");
        match ConversationTableItem::from_item(item)? {
            ConversationTableItem::Pair(pair) => {
                self.pairs.insert(pair.id, pair.conversation_id);
            }
            ConversationTableItem::Conversation(conversation) => {
                self.conversations.insert(conversation.id, conversation);
            }
        }
        Ok(())
    }

    pub fn add_membership(&mut self, item: Item) -> Result<()> {
        self.count("memberships");
        match MembershipTableItem::from_item(item)? {
            MembershipTableItem::Active(membership) => {
                let key = (membership.contact_id, membership.conversation_id);
                self.memberships.insert(key, membership);
            }
            MembershipTableItem::Ended(ended) => {
                let key = (ended.contact_id, ended.conversation_id);
                self.ended.insert(key, ended);
            }
        }
        Ok(())
    }

    pub fn add_message(&mut self, item: Item) -> Result<()> {
        #[derive(Deserialize)]
        struct Key {
            conversation_id: ConversationId,
            created_at: Micros,
        }
        self.count("messages");
        let key: Key = from_item(item)?;
        let id = MessageId::new(key.created_at, key.conversation_id);
        self.messages.insert(id);
        if id.created_at() <= self.settled {
            let newest = self.newest.entry(key.conversation_id).or_insert(id);
            *newest = id.max(*newest);
        }
        Ok(())
    }

    /// Checks an inbox entry at once. All other tables must have been added before.
    pub fn add_inbox_entry(&mut self, item: Item) -> Result<()> {
        self.count("inbox");
        let entry: InboxEntry = from_item(item)?;
        let (contact, message) = (entry.contact_id, entry.message_id);
        let conversation = message.conversation();
        let exists = self.messages.contains(&message);
        if message.created_at() > self.settled {
            return Ok(());
        }
        if self.is_participant(contact, conversation) {
            if !exists {
                let found = Inconsistency::EntryWithoutMessage(contact, message);
                self.entries.push(found);
            }
        } else if self.is_leaving(contact, conversation) || self.is_closed_by(contact, conversation)
        {
            // The request that leaves or closes the conversation deletes the entry.
        } else if exists && self.cleanup_includes(contact, message) {
            self.unfinished_leaves.insert((contact, conversation));
        } else {
            let found = Inconsistency::EntryOfNonParticipant(contact, message);
            self.entries.push(found);
        }
        Ok(())
    }

    pub fn is_participant(&self, contact: ContactId, id: ConversationId) -> bool {
        let conversation = self.conversations.get(&id);
        conversation.is_some_and(|conversation| conversation.participants.contains(&contact))
    }

    /// Whether a contact left so recently that the cleanup may be running.
    pub fn is_leaving(&self, contact: ContactId, id: ConversationId) -> bool {
        let ended = self.ended.get(&(contact, id));
        ended.is_some_and(|ended| ended.left_at > self.settled)
    }

    fn is_closed_by(&self, contact: ContactId, id: ConversationId) -> bool {
        let conversation = self.conversations.get(&id);
        conversation.is_some_and(|conversation| conversation.closed_by == Some(contact))
    }

    /// Whether leaving again would delete the inbox entry of this message.
    fn cleanup_includes(&self, contact: ContactId, message: MessageId) -> bool {
        let ended = self.ended.get(&(contact, message.conversation()));
        ended.is_some_and(|ended| (ended.joined_at..=ended.left_at).contains(&message.created_at()))
    }

    fn count(&mut self, table: &'static str) {
        *self.tables.entry(table).or_default() += 1;
    }
}
