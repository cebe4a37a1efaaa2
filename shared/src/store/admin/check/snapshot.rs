//! The items of all tables, reduced to what refers to other items.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Deserialize;

use super::inconsistency::Inconsistency;
use crate::contact::Username;
use crate::error::{Error, Result};
use crate::id::{AttachmentId, ContactId, ConversationId, MessageId, TokenId, WebhookId};
use crate::store::dynamodb::item::{Item, from_item};
use crate::store::items::acquaintance::{self, Acquaintance, DirectoryEntry};
use crate::store::items::contact::ContactTableItem;
use crate::store::items::conversation::{ConversationItem, ConversationTableItem};
use crate::store::items::edit::EditItem;
use crate::store::items::inbox_entry::InboxEntry;
use crate::store::items::membership::{EndedMembership, Membership, MembershipTableItem};
use crate::store::items::message;
use crate::store::items::read_log::ReadsItem;
use crate::store::items::token::{
    self, KeyItem, KeyListing, TokenItem, TokenListing, TokenTableItem,
};
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
    /// The owners by username in lower case, without those who gave it up.
    pub owners: HashMap<String, ContactId>,
    /// The listings by token hash.
    pub listings: HashMap<String, TokenListing>,
    /// The tokens by hash.
    pub tokens: HashMap<String, TokenItem>,
    /// The server keys.
    pub keys: HashMap<TokenId, KeyItem>,
    pub key_listings: HashMap<TokenId, KeyListing>,
    /// The server keys that have an item for what they spend.
    pub key_accounts: HashSet<TokenId>,
    /// The contacts by external id.
    pub external_ids: HashMap<String, ContactId>,
    /// The external ids by contact.
    pub with_external_id: HashMap<ContactId, String>,
    /// Since when contacts are suspended.
    pub suspended: HashMap<ContactId, Micros>,
    /// The same as external ids say it.
    pub suspended_external_ids: HashMap<String, Micros>,
    pub conversations: HashMap<ConversationId, ConversationItem>,
    /// The conversations by pair.
    pub pairs: HashMap<String, ConversationId>,
    pub memberships: HashMap<MembershipKey, Membership>,
    pub ended: HashMap<MembershipKey, EndedMembership>,
    /// The conversations that two contacts share, by contact and other contact.
    pub acquaintances: HashMap<(ContactId, ContactId), BTreeSet<ConversationId>>,
    /// The contacts whose acquaintances are marked as complete.
    pub complete: HashSet<ContactId>,
    /// The contacts that are listed among all contacts.
    pub directory: HashSet<ContactId>,
    pub messages: HashSet<MessageId>,
    pub pinned: HashSet<MessageId>,
    /// The messages by the attachments that they show.
    pub shown: HashMap<AttachmentId, MessageId>,
    /// The attachments, and the messages that they were sent with.
    pub attachments: HashMap<AttachmentId, Option<MessageId>>,
    pub tombstones: HashSet<AttachmentId>,
    /// The attachments of the files in the bucket, if that is known.
    pub files: Option<HashSet<AttachmentId>>,
    /// The newest settled message by conversation.
    pub newest: HashMap<ConversationId, MessageId>,
    /// Conversations of two, of whom one left before `was_of_two` was stored.
    pub unmarked_of_two: BTreeSet<ConversationId>,
    /// Only the inconsistent inbox entries, because there are too many to keep them all.
    pub entries: Vec<Inconsistency>,
    pub unfinished_leaves: BTreeSet<MembershipKey>,
    /// Only the inconsistent reads.
    pub reads_without_conversation: Vec<Inconsistency>,
    /// Only the inconsistent edits.
    pub edits_without_message: Vec<Inconsistency>,
    /// The webhooks by owner.
    pub webhooks: BTreeSet<(ContactId, WebhookId)>,
    /// The same as listeners list them.
    pub listed_webhooks: BTreeSet<(ContactId, WebhookId)>,
    /// The contacts whose erasure has not ended, and its latest progress.
    pub erasures: HashMap<ContactId, Micros>,
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
            keys: HashMap::new(),
            key_listings: HashMap::new(),
            key_accounts: HashSet::new(),
            external_ids: HashMap::new(),
            with_external_id: HashMap::new(),
            suspended: HashMap::new(),
            suspended_external_ids: HashMap::new(),
            conversations: HashMap::new(),
            pairs: HashMap::new(),
            memberships: HashMap::new(),
            ended: HashMap::new(),
            acquaintances: HashMap::new(),
            complete: HashSet::new(),
            directory: HashSet::new(),
            messages: HashSet::new(),
            pinned: HashSet::new(),
            shown: HashMap::new(),
            attachments: HashMap::new(),
            tombstones: HashSet::new(),
            files: None,
            newest: HashMap::new(),
            unmarked_of_two: BTreeSet::new(),
            entries: Vec::new(),
            unfinished_leaves: BTreeSet::new(),
            reads_without_conversation: Vec::new(),
            edits_without_message: Vec::new(),
            webhooks: BTreeSet::new(),
            listed_webhooks: BTreeSet::new(),
            erasures: HashMap::new(),
        }
    }

    pub fn add_contact(&mut self, item: Item) -> Result<()> {
        self.count("contacts");
        match ContactTableItem::from_item(item)? {
            ContactTableItem::Username(username) if username.released_at.is_none() => {
                let folded = username.folded().to_owned();
                self.owners.insert(folded, username.contact_id);
            }
            ContactTableItem::Username(_) | ContactTableItem::ErasedUsername => {}
            ContactTableItem::Erasure(erasure) => {
                if let Some(contact) = erasure.contact() {
                    self.erasures.insert(contact, erasure.latest_progress());
                }
            }
            ContactTableItem::ExternalId(external) => {
                let external_id = external.external_id().to_owned();
                if let Some(suspended_at) = external.suspended_at {
                    self.suspended_external_ids
                        .insert(external_id.clone(), suspended_at);
                }
                self.external_ids.insert(external_id, external.contact_id);
            }
            ContactTableItem::KeyAccount(key) => {
                self.key_accounts.insert(key);
            }
            ContactTableItem::Contact(contact) => {
                let username = Username::try_from(contact.username.clone());
                let actual = ActualUsername {
                    folded: username.map_err(Error::internal)?.folded(),
                    username: contact.username,
                };
                if let Some(external_id) = contact.external_id {
                    self.with_external_id
                        .insert(contact.id, external_id.as_str().to_owned());
                }
                if let Some(suspended_at) = contact.suspended_at {
                    self.suspended.insert(contact.id, suspended_at);
                }
                self.usernames.insert(contact.id, actual);
            }
        }
        Ok(())
    }

    pub fn add_listing(&mut self, item: Item) -> Result<()> {
        self.count("token_ids");
        if token::is_key_listing(&item) {
            let listing: KeyListing = from_item(item)?;
            self.key_listings.insert(listing.id, listing);
        } else {
            let listing: TokenListing = from_item(item)?;
            self.listings.insert(listing.token_hash.clone(), listing);
        }
        Ok(())
    }

    pub fn add_token(&mut self, item: Item) -> Result<()> {
        self.count("tokens");
        match TokenTableItem::from_item(item)? {
            TokenTableItem::Token(token) => {
                self.tokens.insert(token.token_hash.clone(), token);
            }
            TokenTableItem::Key(key) => {
                self.keys.insert(key.id, key);
            }
        }
        Ok(())
    }

    pub fn add_conversation(&mut self, item: Item) -> Result<()> {
        self.count("conversations");
        match ConversationTableItem::from_item(item)? {
            ConversationTableItem::Pair(pair) => {
                self.pairs.insert(pair.id, pair.conversation_id);
            }
            ConversationTableItem::Conversation(conversation) => {
                self.conversations.insert(conversation.id, *conversation);
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

    pub fn add_acquaintance(&mut self, item: Item) -> Result<()> {
        #[derive(Deserialize)]
        struct Marker {
            contact_id: ContactId,
        }
        self.count("acquaintances");
        if acquaintance::is_marker(&item) {
            self.complete.insert(from_item::<Marker>(item)?.contact_id);
        } else if acquaintance::is_directory_entry(&item) {
            let entry: DirectoryEntry = from_item(item)?;
            self.directory.insert(entry.other_id);
        } else {
            let item: Acquaintance = from_item(item)?;
            let key = (item.contact_id, item.other_id);
            self.acquaintances.insert(key, item.conversations);
        }
        Ok(())
    }

    pub fn add_message(&mut self, item: Item) -> Result<()> {
        #[derive(Deserialize)]
        struct Key {
            conversation_id: ConversationId,
            created_at: Micros,
            contact_id: ContactId,
            #[serde(default)]
            is_pinned: bool,
        }
        self.count("messages");
        let attached = message::attached_at(&item)?;
        let key: Key = from_item(item)?;
        if self.may_be_unmarked_of_two(key.conversation_id, key.contact_id) {
            self.unmarked_of_two.insert(key.conversation_id);
        }
        let id = MessageId::new(key.created_at, key.conversation_id);
        self.messages.insert(id);
        if key.is_pinned {
            self.pinned.insert(id);
        }
        for created_at in attached {
            let attachment = AttachmentId::new(created_at, key.conversation_id);
            self.shown.insert(attachment, id);
        }
        if id.created_at() <= self.settled {
            let newest = self.newest.entry(key.conversation_id).or_insert(id);
            *newest = id.max(*newest);
        }
        Ok(())
    }

    pub fn add_attachment(&mut self, item: Item) -> Result<()> {
        #[derive(Deserialize)]
        struct Key {
            conversation_id: ConversationId,
            created_at: Micros,
            contact_id: Option<ContactId>,
            message_id: Option<MessageId>,
        }
        self.count("attachments");
        let key: Key = from_item(item)?;
        let id = AttachmentId::new(key.created_at, key.conversation_id);
        match key.contact_id {
            None => {
                self.tombstones.insert(id);
            }
            Some(_) => {
                self.attachments.insert(id, key.message_id);
            }
        }
        Ok(())
    }

    /// Whether a conversation in which this contact has written may have been one of two, although it is not marked
    /// as one: it has no name, and one participant, who is another. It may have been a larger one as well: that is
    /// not stored.
    fn may_be_unmarked_of_two(&self, id: ConversationId, author: ContactId) -> bool {
        let conversation = self.conversations.get(&id);
        conversation.is_some_and(|conversation| {
            let is_unmarked = conversation.pair.is_none() && conversation.was_of_two.is_none();
            let participants = &conversation.participants;
            let has_another = participants.len() == 1 && !participants.contains(&author);
            conversation.name.is_none() && is_unmarked && has_another
        })
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

    /// Checks reads at once. The conversations must have been added before.
    pub fn add_reads(&mut self, item: Item) -> Result<()> {
        self.count("reads");
        let reads: ReadsItem = from_item(item)?;
        let conversation = reads.conversation_id;
        if !self.conversations.contains_key(&conversation) {
            let up_to = reads.up_to;
            let found = Inconsistency::ReadsWithoutConversation {
                conversation,
                up_to,
            };
            self.reads_without_conversation.push(found);
        }
        Ok(())
    }

    /// Checks an edit at once. The messages must have been added before.
    pub fn add_edit(&mut self, item: Item) -> Result<()> {
        self.count("edits");
        let edit: EditItem = from_item(item)?;
        let message = edit.message_id()?;
        let conversation = self.conversations.get(&edit.conversation_id);
        let is_being_deleted = conversation.is_some_and(|it| it.closed_by.is_some());
        if !self.messages.contains(&message) && !is_being_deleted {
            let id = edit.id;
            let found = Inconsistency::EditWithoutMessage { message, id };
            self.edits_without_message.push(found);
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

    pub fn count(&mut self, table: &'static str) {
        *self.tables.entry(table).or_default() += 1;
    }
}
