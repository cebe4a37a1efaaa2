//! Pinned messages, which are marked themselves and listed in their conversation.

use super::inconsistency::Inconsistency;
use super::snapshot::Snapshot;
use crate::id::MessageId;

impl Snapshot {
    pub fn inconsistencies_of_pins(&self) -> [(&'static str, Vec<Inconsistency>); 2] {
        [
            (
                "pinned messages that are not listed",
                self.unlisted_pinned_messages(),
            ),
            (
                "listed messages that are not pinned",
                self.listed_unpinned_messages(),
            ),
        ]
    }

    fn unlisted_pinned_messages(&self) -> Vec<Inconsistency> {
        let pinned = self.pinned.iter();
        let unlisted = pinned.filter(|id| {
            let conversation = self.conversations.get(&id.conversation());
            conversation.is_some_and(|it| !it.pinned_messages.contains(&id.created_at()))
        });
        unlisted
            .map(|&id| Inconsistency::UnlistedPinnedMessage(id))
            .collect()
    }

    fn listed_unpinned_messages(&self) -> Vec<Inconsistency> {
        // One without participants is being deleted with its messages.
        let conversations = self.conversations.values();
        let conversations = conversations.filter(|it| !it.participants.is_empty());
        let listed = conversations.flat_map(|conversation| {
            let pinned = conversation.pinned_messages.iter();
            pinned.map(|&created_at| MessageId::new(created_at, conversation.id))
        });
        listed
            .filter(|id| !self.pinned.contains(id))
            .map(Inconsistency::ListedUnpinnedMessage)
            .collect()
    }
}
