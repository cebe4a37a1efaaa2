//! The inconsistencies in a snapshot.

use std::collections::HashSet;
use std::time::Duration;

use super::Report;
use super::inconsistency::{Inconsistency, InconsistentToken};
use super::snapshot::Snapshot;
use crate::store::acquaintances::pairs_among;
use crate::store::items::acquaintance::MAX_CONVERSATIONS;
use crate::store::items::conversation::ConversationItem;
use crate::store::items::membership::ConversationList;
use crate::store::items::token::TokenItem;

/// An erasure without progress for so long has been abandoned.
const ERASURE_CONTINUED_WITHIN: Duration = Duration::from_hours(24);

impl Snapshot {
    pub fn report(self) -> Report {
        let (without_message, of_non_participants) = self
            .entries
            .iter()
            .cloned()
            .partition(|found| matches!(found, Inconsistency::EntryWithoutMessage(..)));
        let mut kinds = vec![
            ("inbox entries without message", without_message),
            ("inbox entries of non-participants", of_non_participants),
            (
                "memberships of non-participants",
                self.memberships_of_non_participants(),
            ),
            (
                "participants without membership",
                self.participants_without_membership(),
            ),
            (
                "messages without conversation",
                self.messages_without_conversation(),
            ),
            (
                "reads without conversation",
                self.reads_without_conversation.clone(),
            ),
            ("edits without message", self.edits_without_message.clone()),
            ("conversations partly deleted", self.unfinished_closes()),
            (
                "former participants with inbox entries",
                self.unfinished_leaves(),
            ),
            (
                "conversations with a stale list position",
                self.stale_positions(),
            ),
            (
                "memberships in the wrong list",
                self.memberships_in_wrong_list(),
            ),
            ("missing acquaintances", self.missing_acquaintances()),
            ("stale acquaintances", self.stale_acquaintances()),
            (
                "contacts with incomplete acquaintances",
                self.incomplete_acquaintances(),
            ),
            (
                "pairs without conversation",
                self.pairs_without_conversation(),
            ),
            (
                "conversations without pair",
                self.conversations_without_pair(),
            ),
            (
                "unmarked conversations of two",
                self.unmarked_conversations_of_two(),
            ),
            (
                "usernames without contact",
                self.usernames_without_contact(),
            ),
            (
                "contacts without username",
                self.contacts_without_username(),
            ),
            ("valid tokens that are not listed", self.unlisted_tokens()),
            (
                "listed tokens that are not valid",
                self.listed_invalid_tokens(),
            ),
            ("tokens without contact", self.tokens_without_contact()),
            ("tokens without issuing token", self.tokens_without_issuer()),
            ("unfinished erasures", self.unfinished_erasures()),
        ];
        kinds.extend(self.inconsistencies_of_attachments());
        kinds.extend(self.inconsistencies_of_pins());
        kinds.extend(self.inconsistencies_of_webhooks());
        kinds.extend(self.inconsistencies_of_server_access());
        for (_, found) in &mut kinds {
            found.sort_unstable();
        }
        let tables = [
            "messages",
            "attachments",
            "inbox",
            "conversations",
            "memberships",
            "acquaintances",
            "contacts",
            "tokens",
            "token_ids",
            "reads",
            "edits",
            "webhooks",
            "listeners",
        ];
        let count = |table| (table, self.tables.get(table).copied().unwrap_or_default());
        Report {
            tables: tables.map(count).into(),
            kinds,
        }
    }

    fn memberships_of_non_participants(&self) -> Vec<Inconsistency> {
        let settled = self.memberships.iter();
        let settled = settled.filter(|(_, membership)| membership.joined_at <= self.settled);
        settled
            .filter(|&(&(contact, id), _)| !self.is_participant(contact, id))
            .map(|(&(contact, id), _)| Inconsistency::MembershipOfNonParticipant(contact, id))
            .collect()
    }

    fn participants_without_membership(&self) -> Vec<Inconsistency> {
        let participants = self.settled_conversations().flat_map(|conversation| {
            let participants = conversation.participants.iter();
            participants.map(|&contact| (contact, conversation.id))
        });
        participants
            .filter(|key| !self.memberships.contains_key(key))
            .filter(|&(contact, id)| !self.is_leaving(contact, id))
            .map(|(contact, id)| Inconsistency::ParticipantWithoutMembership(contact, id))
            .collect()
    }

    fn messages_without_conversation(&self) -> Vec<Inconsistency> {
        let settled = self.messages.iter();
        let settled = settled.filter(|id| id.created_at() <= self.settled);
        settled
            .filter(|id| !self.conversations.contains_key(&id.conversation()))
            .map(|&id| Inconsistency::MessageWithoutConversation(id))
            .collect()
    }

    fn unfinished_closes(&self) -> Vec<Inconsistency> {
        let closed = self.conversations.values();
        let closed =
            closed.filter_map(|conversation| Some((conversation.closed_by?, conversation.id)));
        closed
            .filter(|&(contact, id)| !self.is_leaving(contact, id))
            .map(|(contact, id)| Inconsistency::UnfinishedClose(contact, id))
            .collect()
    }

    fn unfinished_leaves(&self) -> Vec<Inconsistency> {
        let unfinished = self.unfinished_leaves.iter();
        unfinished
            .map(|&(contact, id)| Inconsistency::UnfinishedLeave(contact, id))
            .collect()
    }

    fn stale_positions(&self) -> Vec<Inconsistency> {
        let memberships = self.memberships.iter();
        memberships
            .filter(|&(&(contact, id), _)| self.is_participant(contact, id))
            .filter(|((_, id), membership)| {
                let newest = self.newest.get(id);
                newest.is_some_and(|&newest| membership.position.latest < newest)
            })
            .map(|(&(contact, id), _)| Inconsistency::StalePosition(contact, id))
            .collect()
    }

    fn memberships_in_wrong_list(&self) -> Vec<Inconsistency> {
        let memberships = self.memberships.iter();
        memberships
            .filter(|&(&(contact, id), membership)| {
                let is_pending = membership.position.list == ConversationList::Pending;
                self.is_participant(contact, id)
                    && self.conversations[&id].is_pending(contact) != is_pending
            })
            .map(|(&(contact, id), _)| Inconsistency::MembershipInWrongList(contact, id))
            .collect()
    }

    fn missing_acquaintances(&self) -> Vec<Inconsistency> {
        let pairs = self.settled_conversations().flat_map(|conversation| {
            let pairs = pairs_among(&conversation.accepted()).into_iter();
            let both = pairs.flat_map(|(a, b)| [(a, b), (b, a)]);
            both.map(|pair| (pair, conversation.id))
        });
        pairs
            .filter(|(pair, id)| {
                let listed = self.acquaintances.get(pair);
                listed.is_none_or(|listed| {
                    let is_full =
                        u64::try_from(listed.len()).is_ok_and(|size| size >= MAX_CONVERSATIONS);
                    !listed.contains(id) && !is_full
                })
            })
            .map(|((contact, other), id)| Inconsistency::MissingAcquaintance(contact, other, id))
            .collect()
    }

    fn stale_acquaintances(&self) -> Vec<Inconsistency> {
        let listed = self.acquaintances.iter();
        let listed = listed.flat_map(|(&(contact, other), conversations)| {
            conversations.iter().map(move |&id| (contact, other, id))
        });
        listed
            .filter(|&(contact, other, id)| {
                let conversation = self.conversations.get(&id);
                let both = [contact, other];
                let share = conversation.is_some_and(|conversation| {
                    both.iter()
                        .all(|&contact| conversation.has_accepted(contact))
                });
                !share && !both.iter().any(|&contact| self.is_leaving(contact, id))
            })
            .map(|(contact, other, id)| Inconsistency::StaleAcquaintance(contact, other, id))
            .collect()
    }

    fn incomplete_acquaintances(&self) -> Vec<Inconsistency> {
        let contacts = self.usernames.keys();
        contacts
            .filter(|contact| !self.complete.contains(contact))
            .map(|&contact| Inconsistency::IncompleteAcquaintances(contact))
            .collect()
    }

    fn pairs_without_conversation(&self) -> Vec<Inconsistency> {
        let pairs = self.pairs.iter();
        pairs
            .filter(|(pair, id)| {
                let conversation = self.conversations.get(id);
                conversation.and_then(|conversation| conversation.pair.as_ref()) != Some(pair)
            })
            .map(
                |(pair, &conversation)| Inconsistency::PairWithoutConversation {
                    pair: pair.clone(),
                    conversation,
                },
            )
            .collect()
    }

    fn conversations_without_pair(&self) -> Vec<Inconsistency> {
        let conversations = self.settled_conversations();
        conversations
            .filter_map(|conversation| Some((conversation.pair.clone()?, conversation.id)))
            .filter(|(pair, id)| self.pairs.get(pair) != Some(id))
            .map(
                |(pair, conversation)| Inconsistency::ConversationWithoutPair {
                    pair,
                    conversation,
                },
            )
            .collect()
    }

    fn unmarked_conversations_of_two(&self) -> Vec<Inconsistency> {
        let unmarked = self.unmarked_of_two.iter().copied();
        unmarked
            .map(Inconsistency::UnmarkedConversationOfTwo)
            .collect()
    }

    fn usernames_without_contact(&self) -> Vec<Inconsistency> {
        let owners = self.owners.iter().filter_map(|(username, &contact)| {
            let actual = self.usernames.get(&contact);
            if actual.is_some_and(|actual| actual.folded == *username) {
                return None;
            }
            Some(Inconsistency::UsernameWithoutContact {
                username: username.clone(),
                contact,
                actual: actual.map(|actual| actual.username.clone()),
            })
        });
        owners.collect()
    }

    fn contacts_without_username(&self) -> Vec<Inconsistency> {
        let contacts = self.usernames.iter();
        contacts
            .filter(|(contact, actual)| self.owners.get(&actual.folded) != Some(contact))
            .map(|(&contact, actual)| Inconsistency::ContactWithoutUsername {
                contact,
                username: actual.username.clone(),
            })
            .collect()
    }

    fn unlisted_tokens(&self) -> Vec<Inconsistency> {
        self.settled_tokens()
            .filter(|token| self.usernames.contains_key(&token.contact_id))
            .filter(|token| !self.listings.contains_key(&token.token_hash))
            .map(|token| Inconsistency::UnlistedToken(token.into()))
            .collect()
    }

    fn listed_invalid_tokens(&self) -> Vec<Inconsistency> {
        let listings = self.listings.values();
        listings
            .filter(|listing| listing.created_at <= self.settled)
            // TTL deletes the two items of a token at different times.
            .filter(|listing| listing.expires_at.is_none_or(|expiry| expiry > self.now))
            .filter(|listing| !self.tokens.contains_key(&listing.token_hash))
            .map(|listing| {
                Inconsistency::ListedInvalidToken(InconsistentToken {
                    contact: listing.contact_id,
                    id: listing.id,
                    hash: listing.token_hash.clone(),
                })
            })
            .collect()
    }

    fn tokens_without_contact(&self) -> Vec<Inconsistency> {
        self.settled_tokens()
            .filter(|token| !self.usernames.contains_key(&token.contact_id))
            .map(|token| Inconsistency::TokenWithoutContact(token.into()))
            .collect()
    }

    fn tokens_without_issuer(&self) -> Vec<Inconsistency> {
        let tokens = self.tokens.values();
        let valid: HashSet<_> = tokens.map(|token| (token.contact_id, token.id)).collect();
        self.settled_tokens()
            .filter(|token| {
                let issuer = token.issued_with.map(|issuer| (token.contact_id, issuer));
                issuer.is_some_and(|issuer| !valid.contains(&issuer))
            })
            .filter(|token| self.usernames.contains_key(&token.contact_id))
            .map(|token| Inconsistency::TokenWithoutIssuer(token.into()))
            .collect()
    }

    fn unfinished_erasures(&self) -> Vec<Inconsistency> {
        let day_ago = self.settled.before(ERASURE_CONTINUED_WITHIN);
        let erasures = self.erasures.iter();
        erasures
            .filter(|&(_, &progress)| progress <= day_ago)
            .map(|(&contact, _)| Inconsistency::UnfinishedErasure(contact))
            .collect()
    }

    fn settled_conversations(&self) -> impl Iterator<Item = &ConversationItem> {
        let conversations = self.conversations.values();
        conversations.filter(|conversation| conversation.created_at <= self.settled)
    }

    fn settled_tokens(&self) -> impl Iterator<Item = &TokenItem> {
        let tokens = self.tokens.values();
        let tokens = tokens.filter(|token| token.expires_at.is_none_or(|end| end > self.now));
        tokens.filter(|token| token.id.issued_at() <= self.settled)
    }
}

impl From<&TokenItem> for InconsistentToken {
    fn from(token: &TokenItem) -> Self {
        Self {
            contact: token.contact_id,
            id: token.id,
            hash: token.token_hash.clone(),
        }
    }
}
