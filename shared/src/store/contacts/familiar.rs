//! Who was shown of a conversation before, by this instance of a function: they are read along with what
//! is looked at there, so that where the same people go on talking, reading takes one round trip.
//!
//! Only who, and not what they say of themselves: that is always what has just been read.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::id::{ContactId, ConversationId};

/// Of how many conversations it is remembered.
const MAX_CONVERSATIONS: usize = 10_000;

/// Of how many people in one.
const MAX_PEOPLE: usize = 10;

/// Who was shown of each conversation, where they were few.
#[derive(Debug, Default)]
pub struct Familiar(Mutex<HashMap<ConversationId, BTreeSet<ContactId>>>);

impl Familiar {
    /// Who was shown of a conversation the last time, if they were at most so many.
    pub fn of(&self, conversation: ConversationId, most: usize) -> BTreeSet<ContactId> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let people = all.get(&conversation);
        let few = people.filter(|people| people.len() <= most);
        few.cloned().unwrap_or_default()
    }

    /// These are shown of a conversation.
    pub fn are(&self, conversation: ConversationId, people: &BTreeSet<ContactId>) {
        if people.len() > MAX_PEOPLE {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == MAX_CONVERSATIONS {
            all.clear();
        }
        all.insert(conversation, people.clone());
    }
}
