//! All tables as they were read, reduced to what refers to something else.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Deserialize;

use super::finding::Finding;
use crate::contact::Username;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::conversations::{self, Pair};
use crate::store::memberships::{self, Left};
use crate::store::{Item, contacts, inbox, read, tokens};
use crate::time::{Micros, Seconds};

/// For how long what was written may still be in flight, in microseconds.
const A_MINUTE: u64 = 60_000_000;

/// What has been read so far.
pub(super) struct Snapshot {
    /// What is later than this may be in flight.
    pub settled: Micros,
    pub now: Seconds,
    pub tables: BTreeMap<&'static str, usize>,
    /// What a contact is called: as it is, and in lower case.
    pub contacts: HashMap<ContactId, (String, String)>,
    /// For whom the usernames are taken, by the folded name.
    pub usernames: HashMap<String, ContactId>,
    pub listings: HashMap<String, tokens::Listed>,
    pub tokens: HashMap<String, tokens::Row>,
    pub conversations: HashMap<ConversationId, conversations::Row>,
    pub pairs: HashMap<String, ConversationId>,
    pub memberships: HashMap<(ContactId, ConversationId), memberships::Row>,
    pub left: HashMap<(ContactId, ConversationId), Left>,
    pub messages: HashSet<MessageId>,
    /// The newest message of each conversation that is not in flight.
    pub newest: HashMap<ConversationId, MessageId>,
    /// Of inbox entries, which are too many to keep, only what is wrong.
    pub entries: Vec<Finding>,
    pub unfinished: BTreeSet<(ContactId, ConversationId)>,
}

impl Snapshot {
    pub(super) fn new(now: Micros) -> Self {
        Self {
            settled: Micros(now.0.saturating_sub(A_MINUTE)),
            now: now.into(),
            tables: BTreeMap::new(),
            contacts: HashMap::new(),
            usernames: HashMap::new(),
            listings: HashMap::new(),
            tokens: HashMap::new(),
            conversations: HashMap::new(),
            pairs: HashMap::new(),
            memberships: HashMap::new(),
            left: HashMap::new(),
            messages: HashSet::new(),
            newest: HashMap::new(),
            entries: Vec::new(),
            unfinished: BTreeSet::new(),
        }
    }

    pub(super) fn contact(&mut self, item: Item) -> Result<()> {
        self.count("contacts");
        if item.contains_key("contact_id") {
            let taken: contacts::Taken = read(item)?;
            let folded = taken.id.trim_start_matches('@').to_owned();
            self.usernames.insert(folded, taken.contact_id);
        } else {
            let row: contacts::Row = read(item)?;
            let username = Username::try_from(row.username.clone()).map_err(Error::internal)?;
            self.contacts
                .insert(row.id, (row.username, username.folded()));
        }
        Ok(())
    }

    pub(super) fn listing(&mut self, item: Item) -> Result<()> {
        self.count("token_ids");
        let listed: tokens::Listed = read(item)?;
        self.listings.insert(listed.token_hash.clone(), listed);
        Ok(())
    }

    pub(super) fn token(&mut self, item: Item) -> Result<()> {
        self.count("tokens");
        let row: tokens::Row = read(item)?;
        self.tokens.insert(row.token_hash.clone(), row);
        Ok(())
    }

    pub(super) fn conversation(&mut self, item: Item) -> Result<()> {
        self.count("conversations");
        if item.contains_key("conversation_id") {
            let pair: Pair = read(item)?;
            self.pairs.insert(pair.id, pair.conversation_id);
        } else {
            let row: conversations::Row = read(item)?;
            self.conversations.insert(row.id, row);
        }
        Ok(())
    }

    pub(super) fn membership(&mut self, item: Item) -> Result<()> {
        self.count("memberships");
        if item.contains_key("left_at") {
            let left: Left = read(item)?;
            self.left
                .insert((left.contact_id, left.conversation_id), left);
        } else {
            let row: memberships::Row = read(item)?;
            self.memberships
                .insert((row.contact_id, row.conversation_id), row);
        }
        Ok(())
    }

    pub(super) fn message(&mut self, item: Item) -> Result<()> {
        #[derive(Deserialize)]
        struct Key {
            conversation_id: ConversationId,
            created_at: Micros,
        }
        self.count("messages");
        let key: Key = read(item)?;
        let id = MessageId::new(key.created_at, key.conversation_id);
        self.messages.insert(id);
        if id.created_at() <= self.settled {
            let newest = self.newest.entry(key.conversation_id).or_insert(id);
            *newest = id.max(*newest);
        }
        Ok(())
    }

    /// An inbox entry: after all else, as it is judged at once.
    pub(super) fn entry(&mut self, item: Item) -> Result<()> {
        self.count("inbox");
        let row: inbox::Row = read(item)?;
        let (contact, message) = (row.contact_id, row.message_id);
        let conversation = message.conversation();
        let part = (contact, conversation);
        let exists = self.messages.contains(&message);
        if message.created_at() > self.settled {
            return Ok(());
        }
        if self.takes_part(part) {
            if !exists {
                let finding = Finding::EntryWithoutMessage(contact, message);
                self.entries.push(finding);
            }
        } else if self.is_leaving(part) || self.is_closed_by(part) {
            // Whoever leaves removes it, or whoever finishes the closing.
        } else if exists && self.left_after(part, message) {
            self.unfinished.insert(part);
        } else {
            let finding = Finding::EntryOfStranger(contact, message);
            self.entries.push(finding);
        }
        Ok(())
    }

    pub(super) fn takes_part(&self, (contact, conversation): (ContactId, ConversationId)) -> bool {
        let row = self.conversations.get(&conversation);
        row.is_some_and(|row| row.participants.contains(&contact))
    }

    /// Whether somebody has left so lately that the traces may be going.
    pub(super) fn is_leaving(&self, part: (ContactId, ConversationId)) -> bool {
        let left = self.left.get(&part);
        left.is_some_and(|left| left.left_at > self.settled)
    }

    fn is_closed_by(&self, (contact, conversation): (ContactId, ConversationId)) -> bool {
        let row = self.conversations.get(&conversation);
        row.is_some_and(|row| row.closed_by == Some(contact))
    }

    /// Whether leaving again would remove the entry of this message.
    fn left_after(&self, part: (ContactId, ConversationId), message: MessageId) -> bool {
        let left = self.left.get(&part);
        left.is_some_and(|left| (left.joined_at..=left.left_at).contains(&message.created_at()))
    }

    fn count(&mut self, table: &'static str) {
        *self.tables.entry(table).or_default() += 1;
    }
}
