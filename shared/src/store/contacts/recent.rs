//! Who was shown of a conversation recently, by this instance of a function: they are read along with
//! what is looked at there, so that where the same people go on talking, reading takes one round trip.
//!
//! Only who, and not what they say of themselves: that is always what has just been read.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::id::{ContactId, ConversationId};

/// Of how many conversations it is remembered.
const MAX_CONVERSATIONS: usize = 10_000;

/// Of how many people on a page; where there are more, of none.
const MAX_ON_A_PAGE: usize = 10;

/// Of how many people who were each in some message: of two who talk with each other.
const MAX_IN_TURNS: usize = 2;

/// Who was shown of each conversation, the most recent first.
#[derive(Debug, Default)]
pub struct RecentPeople(Mutex<HashMap<ConversationId, Vec<ContactId>>>);

impl RecentPeople {
    /// Who will probably be shown of a conversation.
    pub fn get(&self, conversation: ConversationId) -> BTreeSet<ContactId> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&conversation)
            .into_iter()
            .flatten()
            .copied()
            .collect()
    }

    /// These are on a page of a conversation: they will be on the next.
    pub fn are_on_a_page(&self, conversation: ConversationId, people: &BTreeSet<ContactId>) {
        self.remember(conversation, |_| {
            if people.len() > MAX_ON_A_PAGE {
                Vec::new()
            } else {
                people.iter().copied().collect()
            }
        });
    }

    /// These are in one message of a conversation: they, or those in the one before, will be in the next.
    pub fn are_in_a_message(&self, conversation: ConversationId, people: &BTreeSet<ContactId>) {
        self.remember(conversation, |before| {
            let before = before.iter().filter(|id| !people.contains(id));
            people
                .iter()
                .chain(before)
                .take(MAX_IN_TURNS)
                .copied()
                .collect()
        });
    }

    fn remember(
        &self,
        conversation: ConversationId,
        after: impl FnOnce(&[ContactId]) -> Vec<ContactId>,
    ) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let people = after(&all.remove(&conversation).unwrap_or_default());
        if all.len() == MAX_CONVERSATIONS {
            all.clear();
        }
        if !people.is_empty() {
            all.insert(conversation, people);
        }
    }
}
