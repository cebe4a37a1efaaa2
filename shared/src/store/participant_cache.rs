//! Which contacts this instance displayed recently, by conversation, so that it can read them in the same
//! round trip as the conversation the next time.
//!
//! It holds ids only; profiles are always read from the table.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::id::{ContactId, ConversationId};

/// The most conversations in the cache.
const MAX_CONVERSATIONS: usize = 10_000;

/// The most contacts to read ahead for a page. A page with more is not cached.
const MAX_PER_PAGE: usize = 10;

/// The most contacts to read ahead for a message: enough for two participants who write in turns.
const MAX_PER_MESSAGE: usize = 2;

#[derive(Debug, Default)]
pub struct ParticipantCache(Mutex<HashMap<ConversationId, Vec<ContactId>>>);

impl ParticipantCache {
    /// The contacts to read ahead.
    pub fn get(&self, conversation: ConversationId) -> BTreeSet<ContactId> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let contacts = cache.get(&conversation).into_iter();
        contacts.flatten().copied().collect()
    }

    /// Records the contacts that a page displays.
    pub fn record_page(&self, conversation: ConversationId, contacts: &BTreeSet<ContactId>) {
        self.update(conversation, |_| {
            if contacts.len() > MAX_PER_PAGE {
                Vec::new()
            } else {
                contacts.iter().copied().collect()
            }
        });
    }

    /// Records the contacts that a message displays, followed by those of the message before.
    pub fn record_message(&self, conversation: ConversationId, contacts: &BTreeSet<ContactId>) {
        self.update(conversation, |before| {
            let before = before.iter().filter(|id| !contacts.contains(id));
            let contacts = contacts.iter().chain(before);
            contacts.take(MAX_PER_MESSAGE).copied().collect()
        });
    }

    fn update(
        &self,
        conversation: ConversationId,
        new: impl FnOnce(&[ContactId]) -> Vec<ContactId>,
    ) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let contacts = new(&cache.remove(&conversation).unwrap_or_default());
        if cache.len() == MAX_CONVERSATIONS {
            cache.clear();
        }
        if !contacts.is_empty() {
            cache.insert(conversation, contacts);
        }
    }
}
