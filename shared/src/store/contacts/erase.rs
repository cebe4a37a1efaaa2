//! Erasing: a contact and all that it wrote, for operators, in steps that can be repeated.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::{Taken, key, key_of};
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::page::{Limit, Window};
use crate::store::conversations::{self, Pair, pair_key};
use crate::store::span::Span;
use crate::store::write::{delete, delete_if};
use crate::store::{Store, memberships, read, s};
use crate::time::Micros;

/// As many as there are.
const ALL: usize = i32::MAX as usize;

/// What of a contact is counted, in the order in which it goes.
const TOKENS: &str = "tokens";
const MESSAGES: &str = "messages";
const REACTIONS: &str = "reactions";
const KEYS: &str = "idempotency keys";
const INBOX_ENTRIES: &str = "inbox entries";
const CONVERSATIONS: &str = "conversations left";
const MEMBERSHIPS: &str = "memberships";
const PAIRS: &str = "pairs";
const USERNAMES: &str = "usernames";
const CONTACTS: &str = "contacts";

/// Where a contact is named in the table of conversations.
#[derive(Default)]
struct Parts {
    conversations: BTreeSet<ConversationId>,
    pairs: Vec<Pair>,
}

impl Store {
    /// Removes a contact, all that it wrote and all that is its own, and tells of each kind how much was
    /// removed, as soon as it is.
    ///
    /// Its tokens go first, so nobody acts as it any more, and the contact last: whenever this stops, the
    /// same again goes on. A conversation goes along if nobody else takes part. Conversations keep their
    /// creator's id. Reads whole tables.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn erase(
        &self,
        contact: ContactId,
        mut removed: impl FnMut(&'static str, usize),
    ) -> Result<()> {
        removed(TOKENS, self.revoke_all(contact).await?);
        let written = self.written_by(contact).await?;
        self.remove_written(contact, &written).await?;
        removed(MESSAGES, written.messages());
        self.remove_reactions(contact, &written).await?;
        removed(REACTIONS, written.reactions());
        removed(KEYS, self.forget_keys(contact).await?);
        let entries = self.empty_inbox(contact).await?;
        let conversations = self.parts_of(contact).await?.conversations;
        for &id in &conversations {
            self.leave_for_good(contact, id).await?;
        }
        // Once more: messages were being sent until it had left.
        removed(INBOX_ENTRIES, entries + self.empty_inbox(contact).await?);
        removed(CONVERSATIONS, conversations.len());
        removed(MEMBERSHIPS, self.remove_memberships(contact).await?);
        removed(PAIRS, self.remove_pairs(contact).await?);
        removed(USERNAMES, self.free_usernames(contact).await?);
        let contacts = usize::from(self.contact(contact).await?.is_some());
        let row = delete(&self.tables.contacts, key(contact))?;
        self.transact(vec![row]).await?;
        removed(CONTACTS, contacts);
        Ok(())
    }

    /// How much of each kind refers to a contact, but for conversations that it once began.
    /// Reads whole tables.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn traces(&self, contact: ContactId) -> Result<Vec<(&'static str, usize)>> {
        let written = self.written_by(contact).await?;
        let parts = self.parts_of(contact).await?;
        let row = self.contact(contact).await?;
        Ok(vec![
            (TOKENS, self.all_tokens_of(contact).await?.len()),
            (MESSAGES, written.messages()),
            (REACTIONS, written.reactions()),
            (KEYS, self.keys_of(contact).await?.len()),
            (INBOX_ENTRIES, self.entries_of(contact).await?.len()),
            (CONVERSATIONS, parts.conversations.len()),
            (MEMBERSHIPS, self.membership_items(contact).await?.len()),
            (PAIRS, parts.pairs.len()),
            (USERNAMES, self.usernames_of(contact).await?.len()),
            (CONTACTS, usize::from(row.is_some())),
        ])
    }

    async fn entries_of(&self, contact: ContactId) -> Result<Vec<MessageId>> {
        let whole = Window {
            limit: Limit::default(),
            cursor: None,
            from: Micros(0),
            until: None,
        };
        self.entries(contact, &Span::of(&whole), ALL).await
    }

    async fn empty_inbox(&self, contact: ContactId) -> Result<usize> {
        let ids = self.entries_of(contact).await?;
        self.remove_from_inbox(contact, &ids).await?;
        Ok(ids.len())
    }

    async fn parts_of(&self, contact: ContactId) -> Result<Parts> {
        let mut parts = Parts::default();
        self.each(&self.tables.conversations, |item| {
            if item.contains_key("conversation_id") {
                let pair: Pair = read(item)?;
                let both = pair.id.trim_start_matches('@').split(':');
                if both.map(str::parse).any(|id| id.ok() == Some(contact)) {
                    parts.pairs.push(pair);
                }
            } else {
                let row: conversations::Row = read(item)?;
                if row.participants.contains(&contact) || row.closed_by == Some(contact) {
                    parts.conversations.insert(row.id);
                }
            }
            Ok(())
        })
        .await?;
        Ok(parts)
    }

    /// Leaves, and goes on until all traces are gone.
    async fn leave_for_good(&self, contact: ContactId, id: ConversationId) -> Result<()> {
        loop {
            let row = self.conversation_row(id).await?;
            let outcome = match row {
                Some(row) if row.closed_by == Some(contact) => {
                    self.finish_closing(id, contact, Instant::now()).await
                }
                Some(row) if row.participants.contains(&contact) => {
                    // What is missing would keep it from leaving.
                    self.restore_membership(contact, id).await?;
                    if let Some(pair) = &row.pair {
                        self.restore_pair(id, pair).await?;
                    }
                    let row = self.conversation_row(id).await?;
                    self.depart(row, id, contact).await
                }
                _ => return Ok(()),
            };
            match outcome {
                Ok(()) | Err(Error::Unfinished) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes what is left of memberships; one that has begun meanwhile ends first.
    async fn remove_memberships(&self, contact: ContactId) -> Result<usize> {
        let items = self.membership_items(contact).await?;
        for item in &items {
            let id = item.conversation_id;
            self.leave_for_good(contact, id).await?;
            let key = memberships::key(contact, id);
            let table = &self.tables.memberships;
            let delete = match (&item.place, item.left_at) {
                (Some(place), _) => delete_if(table, key, "place", s(place))?,
                (None, Some(left_at)) => {
                    delete_if(table, key, "left_at", crate::store::n(left_at.0))?
                }
                (None, None) => delete(table, key)?,
            };
            self.transact(vec![delete]).await?;
        }
        Ok(items.len())
    }

    async fn remove_pairs(&self, contact: ContactId) -> Result<usize> {
        let pairs = self.parts_of(contact).await?.pairs;
        for pair in &pairs {
            let id = s(pair.conversation_id);
            let table = &self.tables.conversations;
            let delete = delete_if(table, pair_key(&pair.id), "conversation_id", id)?;
            self.transact(vec![delete]).await?;
        }
        Ok(pairs.len())
    }

    async fn free_usernames(&self, contact: ContactId) -> Result<usize> {
        let usernames = self.usernames_of(contact).await?;
        for username in &usernames {
            let key = key_of(username);
            let delete = delete_if(&self.tables.contacts, key, "contact_id", s(contact))?;
            self.transact(vec![delete]).await?;
        }
        Ok(usernames.len())
    }

    async fn usernames_of(&self, contact: ContactId) -> Result<Vec<String>> {
        let mut usernames = Vec::new();
        self.each(&self.tables.contacts, |item| {
            if item.contains_key("contact_id") {
                let taken: Taken = read(item)?;
                if taken.contact_id == contact {
                    usernames.push(taken.id);
                }
            }
            Ok(())
        })
        .await?;
        Ok(usernames)
    }
}
