//! What of a snapshot does not fit together.

use super::Survey;
use super::finding::{Finding, Token};
use super::snapshot::Snapshot;
use crate::store::{conversations, tokens};

impl Snapshot {
    /// Judges all that has been read.
    pub(super) fn survey(self) -> Survey {
        let (without_message, of_strangers) = self
            .entries
            .iter()
            .cloned()
            .partition(|finding| matches!(finding, Finding::EntryWithoutMessage(..)));
        let unfinished = self.unfinished.iter();
        let unfinished = unfinished
            .map(|&(contact, conversation)| Finding::UnfinishedLeaving(contact, conversation));
        let mut kinds = vec![
            ("inbox entries whose message is gone", without_message),
            ("inbox entries of who does not take part", of_strangers),
            (
                "memberships without a part",
                self.memberships_without_part(),
            ),
            (
                "participants without a membership",
                self.parts_without_membership(),
            ),
            (
                "messages whose conversation is gone",
                self.messages_without_conversation(),
            ),
            ("conversations half removed", self.unfinished_closings()),
            (
                "former participants with inbox entries",
                unfinished.collect(),
            ),
            ("conversations too low in a list", self.lost_moves()),
            (
                "pairs without their conversation",
                self.pairs_without_conversation(),
            ),
            (
                "conversations without their pair",
                self.conversations_without_pair(),
            ),
            ("usernames taken for nobody", self.usernames_of_nobody()),
            (
                "contacts whose username is not theirs",
                self.contacts_without_username(),
            ),
            ("tokens that are not listed", self.unlisted_tokens()),
            ("listed tokens that let nobody in", self.lost_tokens()),
            ("tokens of nobody", self.tokens_of_nobody()),
        ];
        for (_, findings) in &mut kinds {
            findings.sort_unstable();
        }
        let tables = [
            "messages",
            "inbox",
            "conversations",
            "memberships",
            "contacts",
            "tokens",
            "token_ids",
        ];
        let count = |table| (table, self.tables.get(table).copied().unwrap_or_default());
        Survey {
            tables: tables.map(count).into(),
            kinds,
        }
    }

    fn memberships_without_part(&self) -> Vec<Finding> {
        let settled = self.memberships.iter();
        let settled = settled.filter(|(_, row)| row.joined_at <= self.settled);
        settled
            .filter(|&(&part, _)| !self.takes_part(part))
            .map(|(&(contact, conversation), _)| {
                Finding::MembershipWithoutPart(contact, conversation)
            })
            .collect()
    }

    fn parts_without_membership(&self) -> Vec<Finding> {
        let parts = self.settled_conversations().flat_map(|row| {
            let participants = row.participants.iter();
            participants.map(|&contact| (contact, row.id))
        });
        parts
            .filter(|part| !self.memberships.contains_key(part) && !self.is_leaving(*part))
            .map(|(contact, conversation)| Finding::PartWithoutMembership(contact, conversation))
            .collect()
    }

    fn messages_without_conversation(&self) -> Vec<Finding> {
        let settled = self.messages.iter();
        let settled = settled.filter(|id| id.created_at() <= self.settled);
        settled
            .filter(|id| !self.conversations.contains_key(&id.conversation()))
            .map(|&id| Finding::MessageWithoutConversation(id))
            .collect()
    }

    fn unfinished_closings(&self) -> Vec<Finding> {
        let closed = self.conversations.values();
        let closed = closed.filter_map(|row| Some((row.closed_by?, row.id)));
        closed
            .filter(|&part| !self.is_leaving(part))
            .map(|(contact, conversation)| Finding::UnfinishedClosing(contact, conversation))
            .collect()
    }

    fn lost_moves(&self) -> Vec<Finding> {
        let memberships = self.memberships.values();
        memberships
            .filter(|row| self.takes_part((row.contact_id, row.conversation_id)))
            .filter(|row| {
                let newest = self.newest.get(&row.conversation_id);
                newest.is_some_and(|&newest| row.place.latest < newest)
            })
            .map(|row| Finding::LostMove(row.contact_id, row.conversation_id))
            .collect()
    }

    fn pairs_without_conversation(&self) -> Vec<Finding> {
        let pairs = self.pairs.iter();
        pairs
            .filter(|(pair, conversation)| {
                let row = self.conversations.get(conversation);
                row.and_then(|row| row.pair.as_ref()) != Some(pair)
            })
            .map(|(pair, &conversation)| Finding::PairWithoutConversation {
                pair: pair.clone(),
                conversation,
            })
            .collect()
    }

    fn conversations_without_pair(&self) -> Vec<Finding> {
        let rows = self.settled_conversations();
        rows.filter_map(|row| Some((row.pair.clone()?, row.id)))
            .filter(|(pair, conversation)| self.pairs.get(pair) != Some(conversation))
            .map(|(pair, conversation)| Finding::ConversationWithoutPair { pair, conversation })
            .collect()
    }

    fn usernames_of_nobody(&self) -> Vec<Finding> {
        let taken = self.usernames.iter().filter_map(|(username, &contact)| {
            let called = self.contacts.get(&contact);
            if called.is_some_and(|(_, folded)| folded == username) {
                return None;
            }
            Some(Finding::UsernameOfNobody {
                username: username.clone(),
                contact,
                otherwise: called.map(|(username, _)| username.clone()),
            })
        });
        taken.collect()
    }

    fn contacts_without_username(&self) -> Vec<Finding> {
        let contacts = self.contacts.iter();
        contacts
            .filter(|(contact, (_, folded))| self.usernames.get(folded) != Some(contact))
            .map(
                |(&contact, (username, _))| Finding::ContactWithoutUsername {
                    contact,
                    username: username.clone(),
                },
            )
            .collect()
    }

    fn unlisted_tokens(&self) -> Vec<Finding> {
        self.settled_tokens()
            .filter(|row| self.contacts.contains_key(&row.contact_id))
            .filter(|row| !self.listings.contains_key(&row.token_hash))
            .map(|row| Finding::UnlistedToken(Token::from(row)))
            .collect()
    }

    fn lost_tokens(&self) -> Vec<Finding> {
        let listings = self.listings.values();
        listings
            .filter(|listed| listed.created_at <= self.settled)
            // TTL deletes both at different times.
            .filter(|listed| listed.expires_at.is_none_or(|end| end > self.now))
            .filter(|listed| !self.tokens.contains_key(&listed.token_hash))
            .map(|listed| {
                Finding::LostToken(Token {
                    contact: listed.contact_id,
                    id: listed.id,
                    hash: listed.token_hash.clone(),
                })
            })
            .collect()
    }

    fn tokens_of_nobody(&self) -> Vec<Finding> {
        self.settled_tokens()
            .filter(|row| !self.contacts.contains_key(&row.contact_id))
            .map(|row| Finding::TokenOfNobody(Token::from(row)))
            .collect()
    }

    fn settled_conversations(&self) -> impl Iterator<Item = &conversations::Row> {
        let rows = self.conversations.values();
        rows.filter(|row| row.created_at <= self.settled)
    }

    fn settled_tokens(&self) -> impl Iterator<Item = &tokens::Row> {
        let rows = self.tokens.values();
        let rows = rows.filter(|row| row.expires_at.is_none_or(|end| end > self.now));
        rows.filter(|row| row.id.issued_at() <= self.settled)
    }
}

impl From<&tokens::Row> for Token {
    fn from(row: &tokens::Row) -> Self {
        Self {
            contact: row.contact_id,
            id: row.id,
            hash: row.token_hash.clone(),
        }
    }
}
