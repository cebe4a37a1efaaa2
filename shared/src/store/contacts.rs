//! The operations on contacts, and loading contacts for other operations.

mod find;
mod get;
mod get_me;
mod list;
mod update_me;

use std::collections::{BTreeSet, HashMap};

pub use update_me::ContactUpdate;

use super::Store;
use super::dynamodb::batch::BatchGet;
use super::items::contact::FoundContacts;
use super::items::membership;
use crate::contact::{Contact, Mention, Username};
use crate::error::{Error, Result};
use crate::id::ContactId;

impl Store {
    /// The contacts with these ids; erased ones have an id only. One round trip, none without ids.
    pub(super) async fn load_contacts(
        &self,
        ids: &BTreeSet<ContactId>,
    ) -> Result<HashMap<ContactId, Contact>> {
        let batch = self.with_contacts(BatchGet::default(), ids);
        let mut items = batch.send(&self.db).await?;
        Ok(self.take_contacts(&mut items)?.requested(ids))
    }

    /// The contacts with these ids, some of which are known. One round trip, none if all are known.
    pub(super) async fn load_missing_contacts(
        &self,
        mut known: HashMap<ContactId, Contact>,
        ids: &BTreeSet<ContactId>,
    ) -> Result<HashMap<ContactId, Contact>> {
        let missing = ids.iter().filter(|id| !known.contains_key(id));
        known.extend(self.load_contacts(&missing.copied().collect()).await?);
        Ok(known)
    }

    /// The contact with this id, unless it has been erased. One round trip.
    pub(super) async fn load_contact(&self, id: ContactId) -> Result<Option<Contact>> {
        let contact = self.load_contacts(&BTreeSet::from([id])).await?.remove(&id);
        Ok(contact.filter(|contact| contact.username.is_some()))
    }

    /// The owner of a username. One round trip.
    pub(super) async fn owner_of(&self, username: &Username) -> Result<Option<ContactId>> {
        let folded = BTreeSet::from([username.folded()]);
        let batch = self.with_usernames(BatchGet::default(), &folded);
        let mut items = batch.send(&self.db).await?;
        Ok(self.take_contacts(&mut items)?.owners.into_values().next())
    }

    /// The contacts that are mentioned by id or username. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::MentionNotFound`] with the first mention that matches no contact.
    pub(super) async fn resolve_mentions(
        &self,
        mentions: &[Mention],
    ) -> Result<BTreeSet<ContactId>> {
        let ids = mentions.iter().filter_map(|mention| mention.id);
        let usernames = mentions.iter();
        let usernames = usernames.filter_map(|mention| mention.username.as_ref());
        let batch = self.with_contacts(BatchGet::default(), &ids.collect());
        let batch = self.with_usernames(batch, &usernames.map(Username::folded).collect());
        let mut items = batch.send(&self.db).await?;
        let FoundContacts { contacts, owners } = self.take_contacts(&mut items)?;
        let resolve = |mention: &Mention| {
            let by_id = mention.id.filter(|id| contacts.contains_key(id));
            let by_username = || owners.get(&mention.username.as_ref()?.folded()).copied();
            let not_found = || Error::MentionNotFound {
                mention: mention.text.clone(),
            };
            by_id.or_else(by_username).ok_or_else(not_found)
        };
        mentions.iter().map(resolve).collect()
    }

    /// Whether another contact is a participant of one of the 1,000 most recently active conversations of
    /// a contact. Two round trips.
    async fn share_a_conversation(&self, contact: ContactId, other: ContactId) -> Result<bool> {
        let ids = self.recent_conversations(contact).await?.into_iter();
        let table = &self.tables.memberships;
        let keys = ids.map(|id| membership::key(other, id));
        let batch = BatchGet::default().keys(table, keys);
        let items = batch.send(&self.db).await?.take_items(table);
        Ok(items.iter().any(|item| item.contains_key("place")))
    }
}
