//! What an erasure has found and erased.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A kind of items that refer to a contact.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    Tokens,
    Feed,
    Webhooks,
    Edits,
    Messages,
    Attachments,
    Files,
    Reactions,
    IdempotencyKeys,
    InboxEntries,
    ConversationsLeft,
    Reads,
    Memberships,
    MembershipsOfOthers,
    Pairs,
    Acquaintances,
    Reports,
    BlocksByOthers,
    Usernames,
    ExternalIds,
    Contacts,
}

impl Kind {
    const ALL: [Self; 21] = [
        Self::Tokens,
        Self::Feed,
        Self::Webhooks,
        Self::Edits,
        Self::Messages,
        Self::Attachments,
        Self::Files,
        Self::Reactions,
        Self::IdempotencyKeys,
        Self::InboxEntries,
        Self::ConversationsLeft,
        Self::Reads,
        Self::Memberships,
        Self::MembershipsOfOthers,
        Self::Pairs,
        Self::Acquaintances,
        Self::Reports,
        Self::BlocksByOthers,
        Self::Usernames,
        Self::ExternalIds,
        Self::Contacts,
    ];

    /// Its name in responses.
    fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Feed => "feed",
            Self::Webhooks => "webhooks",
            Self::Edits => "edits",
            Self::Messages => "messages",
            Self::Attachments => "attachments",
            Self::Files => "files",
            Self::Reactions => "reactions",
            Self::IdempotencyKeys => "idempotency_keys",
            Self::InboxEntries => "inbox_entries",
            Self::ConversationsLeft => "conversations_left",
            Self::Reads => "reads",
            Self::Memberships => "memberships",
            Self::MembershipsOfOthers => "memberships_of_others",
            Self::Pairs => "pairs",
            Self::Acquaintances => "acquaintances",
            Self::Reports => "reports",
            Self::BlocksByOthers => "blocks_by_others",
            Self::Usernames => "usernames",
            Self::ExternalIds => "external_ids",
            Self::Contacts => "contacts",
        }
    }
}

/// How many items of each kind have been erased. Kinds of which there were none are part of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(from = "BTreeMap<String, usize>", into = "BTreeMap<String, usize>")]
pub struct Erased(BTreeMap<Kind, usize>);

impl Default for Erased {
    fn default() -> Self {
        Self(Kind::ALL.into_iter().map(|kind| (kind, 0)).collect())
    }
}

impl Erased {
    pub(super) fn add(&mut self, kind: Kind, count: usize) {
        *self.0.entry(kind).or_default() += count;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (&kind, &count) in &other.0 {
            self.add(kind, count);
        }
    }

    /// The name and the number of each kind, in the order of their deletion.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.0.iter().map(|(kind, &count)| (kind.name(), count))
    }

    /// Whether nothing has been erased.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.values().all(|&count| count == 0)
    }
}

impl From<Erased> for BTreeMap<String, usize> {
    fn from(erased: Erased) -> Self {
        let counts = erased.counts();
        counts
            .map(|(name, count)| (name.to_owned(), count))
            .collect()
    }
}

impl From<BTreeMap<String, usize>> for Erased {
    fn from(counts: BTreeMap<String, usize>) -> Self {
        let count = |kind: Kind| counts.get(kind.name()).copied().unwrap_or_default();
        Self(
            Kind::ALL
                .into_iter()
                .map(|kind| (kind, count(kind)))
                .collect(),
        )
    }
}
