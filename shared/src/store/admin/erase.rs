//! Erasing a contact with everything that it wrote, in steps that can be repeated.

mod messages;
mod tokens;

use std::collections::BTreeSet;

use serde::Deserialize;
use tokio::time::Instant;

use super::Admin;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::page::{Limit, Window};
use crate::store::dynamodb::item::{Item, from_item, number_attr, string_attr};
use crate::store::dynamodb::query::{NO_LIMIT, query_items};
use crate::store::dynamodb::transaction::{delete, delete_if};
use crate::store::items::contact::{self, ContactTableItem, UsernameItem};
use crate::store::items::conversation::{ConversationTableItem, PairItem, pair_key};
use crate::store::items::membership;
use crate::store::key_range::KeyRange;
use crate::time::Micros;

/// The kinds of items that refer to a contact, in the order of their deletion.
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

/// The items in the conversations table that refer to a contact.
#[derive(Default)]
struct Participation {
    conversations: BTreeSet<ConversationId>,
    pairs: Vec<PairItem>,
}

/// A membership, active or ended. Only what erasing needs, so that a malformed item is deleted, too.
#[derive(Deserialize)]
struct StoredMembership {
    conversation_id: ConversationId,
    place: Option<String>,
    left_at: Option<Micros>,
}

impl Admin {
    /// Deletes a contact with everything that it wrote or owns, and calls `deleted` with the number of
    /// deleted items after each kind.
    ///
    /// Its tokens are deleted first, so that it can make no more requests, and the contact last, so that an
    /// interrupted run can be repeated. A conversation without other participants is deleted, too.
    /// Conversations keep the id of their creator. Scans tables.
    pub async fn erase_contact(
        &self,
        contact: ContactId,
        mut deleted: impl FnMut(&'static str, usize),
    ) -> Result<()> {
        deleted(TOKENS, self.delete_tokens_of(contact).await?);
        let content = self.content_of(contact).await?;
        self.delete_messages_of(contact, &content).await?;
        deleted(MESSAGES, content.messages());
        self.delete_reactions_of(contact, &content).await?;
        deleted(REACTIONS, content.reactions());
        deleted(KEYS, self.delete_idempotency_keys_of(contact).await?);
        let entries = self.delete_inbox_of(contact).await?;
        let conversations = self.participation_of(contact).await?.conversations;
        for &id in &conversations {
            self.leave_until_finished(contact, id).await?;
        }
        // Again: messages may have arrived until it had left.
        let entries = entries + self.delete_inbox_of(contact).await?;
        deleted(INBOX_ENTRIES, entries);
        deleted(CONVERSATIONS, conversations.len());
        deleted(MEMBERSHIPS, self.delete_memberships_of(contact).await?);
        deleted(PAIRS, self.delete_pairs_of(contact).await?);
        deleted(USERNAMES, self.delete_usernames_of(contact).await?);
        let exists = self.get_contact(contact).await?.is_some();
        let delete = delete(&self.store.tables.contacts, contact::key(contact))?;
        self.store.transact(vec![delete]).await?;
        deleted(CONTACTS, usize::from(exists));
        Ok(())
    }

    /// The number of items of each kind that refer to a contact, except for conversations that it created.
    /// Scans tables.
    pub async fn count_references(&self, contact: ContactId) -> Result<Vec<(&'static str, usize)>> {
        let content = self.content_of(contact).await?;
        let participation = self.participation_of(contact).await?;
        let exists = self.get_contact(contact).await?.is_some();
        Ok(vec![
            (TOKENS, self.tokens_of(contact).await?.len()),
            (MESSAGES, content.messages()),
            (REACTIONS, content.reactions()),
            (KEYS, self.idempotency_keys_of(contact).await?.len()),
            (INBOX_ENTRIES, self.inbox_of(contact).await?.len()),
            (CONVERSATIONS, participation.conversations.len()),
            (MEMBERSHIPS, self.memberships_of(contact).await?.len()),
            (PAIRS, participation.pairs.len()),
            (USERNAMES, self.usernames_of(contact).await?.len()),
            (CONTACTS, usize::from(exists)),
        ])
    }

    async fn idempotency_keys_of(&self, contact: ContactId) -> Result<Vec<Item>> {
        let query = self
            .store
            .db
            .query()
            .table_name(&self.store.tables.idempotency)
            .consistent_read(true)
            .key_condition_expression("contact_id = :contact")
            .expression_attribute_values(":contact", string_attr(contact))
            .projection_expression("contact_id, #key")
            .expression_attribute_names("#key", "key");
        query_items(query, NO_LIMIT).await
    }

    async fn delete_idempotency_keys_of(&self, contact: ContactId) -> Result<usize> {
        let keys = self.idempotency_keys_of(contact).await?;
        let count = keys.len();
        let table = self.store.tables.idempotency.as_str();
        let keys = keys.into_iter().map(|key| (table, key)).collect();
        self.store.delete_all(keys).await?;
        Ok(count)
    }

    async fn inbox_of(&self, contact: ContactId) -> Result<Vec<MessageId>> {
        let everything = Window {
            limit: Limit::default(),
            cursor: None,
            from: Micros(0),
            until: None,
        };
        let range = KeyRange::new(&everything);
        self.store.inbox_entries(contact, &range, NO_LIMIT).await
    }

    async fn delete_inbox_of(&self, contact: ContactId) -> Result<usize> {
        let ids = self.inbox_of(contact).await?;
        self.store.delete_inbox_entries(contact, &ids).await?;
        Ok(ids.len())
    }

    async fn participation_of(&self, contact: ContactId) -> Result<Participation> {
        let mut participation = Participation::default();
        let table = &self.store.tables.conversations;
        self.store
            .scan(table, |item| {
                match ConversationTableItem::from_item(item)? {
                    ConversationTableItem::Pair(pair) => {
                        if pair.contacts().any(|id| id == contact) {
                            participation.pairs.push(pair);
                        }
                    }
                    ConversationTableItem::Conversation(conversation) => {
                        if conversation.participants.contains(&contact)
                            || conversation.closed_by == Some(contact)
                        {
                            participation.conversations.insert(conversation.id);
                        }
                    }
                }
                Ok(())
            })
            .await?;
        Ok(participation)
    }

    /// Leaves a conversation, and repeats it until the cleanup is complete.
    async fn leave_until_finished(&self, contact: ContactId, id: ConversationId) -> Result<()> {
        loop {
            let outcome = match self.store.load_conversation(id).await? {
                Some(conversation) if conversation.closed_by == Some(contact) => {
                    let started = Instant::now();
                    self.store
                        .delete_closed_conversation(id, contact, started)
                        .await
                }
                Some(conversation) if conversation.participants.contains(&contact) => {
                    // Leaving needs a membership, and its pair if it has one.
                    self.restore_membership(contact, id).await?;
                    if let Some(pair) = &conversation.pair {
                        self.restore_pair(id, pair).await?;
                    }
                    let conversation = self.store.load_conversation(id).await?;
                    self.store
                        .end_participation(conversation, id, contact)
                        .await
                }
                _ => return Ok(()),
            };
            match outcome {
                Ok(()) | Err(Error::Unfinished) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn memberships_of(&self, contact: ContactId) -> Result<Vec<StoredMembership>> {
        let query = self
            .store
            .db
            .query()
            .table_name(&self.store.tables.memberships)
            .consistent_read(true)
            .key_condition_expression("contact_id = :contact")
            .expression_attribute_values(":contact", string_attr(contact));
        let items = query_items(query, NO_LIMIT).await?.into_iter();
        items.map(from_item).collect()
    }

    /// Deletes active and ended memberships. If the contact was added to a conversation again, it leaves
    /// first.
    async fn delete_memberships_of(&self, contact: ContactId) -> Result<usize> {
        let memberships = self.memberships_of(contact).await?;
        for item in &memberships {
            let id = item.conversation_id;
            self.leave_until_finished(contact, id).await?;
            let key = membership::key(contact, id);
            let table = &self.store.tables.memberships;
            let delete = match (&item.place, item.left_at) {
                (Some(place), _) => delete_if(table, key, "place", string_attr(place))?,
                (None, Some(left_at)) => delete_if(table, key, "left_at", number_attr(left_at.0))?,
                (None, None) => delete(table, key)?,
            };
            self.store.transact(vec![delete]).await?;
        }
        Ok(memberships.len())
    }

    async fn delete_pairs_of(&self, contact: ContactId) -> Result<usize> {
        let pairs = self.participation_of(contact).await?.pairs;
        for pair in &pairs {
            let id = string_attr(pair.conversation_id);
            let table = &self.store.tables.conversations;
            let delete = delete_if(table, pair_key(&pair.id), "conversation_id", id)?;
            self.store.transact(vec![delete]).await?;
        }
        Ok(pairs.len())
    }

    async fn usernames_of(&self, contact: ContactId) -> Result<Vec<UsernameItem>> {
        let mut usernames = Vec::new();
        let table = &self.store.tables.contacts;
        self.store
            .scan(table, |item| {
                if let ContactTableItem::Username(username) = ContactTableItem::from_item(item)?
                    && username.contact_id == contact
                {
                    usernames.push(username);
                }
                Ok(())
            })
            .await?;
        Ok(usernames)
    }

    async fn delete_usernames_of(&self, contact: ContactId) -> Result<usize> {
        let usernames = self.usernames_of(contact).await?;
        for username in &usernames {
            let key = contact::username_key(username.folded());
            let table = &self.store.tables.contacts;
            let delete = delete_if(table, key, "contact_id", string_attr(contact))?;
            self.store.transact(vec![delete]).await?;
        }
        Ok(usernames.len())
    }
}
