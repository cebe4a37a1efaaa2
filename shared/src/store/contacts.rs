//! The operations on contacts, and loading contacts for other operations.

mod block;
mod create;
mod directory;
mod erase;
mod find;
mod find_external;
mod get;
mod get_me;
mod list;
mod list_blocks;
mod suspension;
mod unblock;
mod update;
mod update_me;
mod usernames;

use std::collections::{BTreeSet, HashMap};

pub(in crate::store) use create::EXTERNAL_ID;
pub use create::{ContactProfile, CreatedContact, NewContact};
pub use erase::{ErasedContact, ErasureProof};
pub use update::{ContactUpdate, UpdatedContact};

use super::Store;
use super::dynamodb::batch::BatchGet;
use super::dynamodb::item::{Item, from_item};
use super::items::contact::{self, ContactItem};
use crate::caller::Caller;
use crate::contact::{Mention, Profile, Username};
use crate::error::{Error, Result};
use crate::id::ContactId;

/// Mentions, and who has the usernames in them.
pub(super) struct Mentioned {
    mentions: Vec<Mention>,
    /// By username in lower case.
    owners: HashMap<String, ContactId>,
    external: HashMap<String, ContactId>,
}

impl Mentioned {
    /// Everyone that they can mean, whether an id is somebody's or not.
    pub(super) fn candidates(&self) -> BTreeSet<ContactId> {
        let ids = self.mentions.iter().filter_map(|mention| mention.id);
        ids.chain(self.owners.values().copied())
            .chain(self.external.values().copied())
            .collect()
    }

    /// The contacts that they mean: by username anyone, by id only those whom the caller may know. So the id of a
    /// stranger is like an id that does not exist.
    ///
    /// # Errors
    ///
    /// [`Error::MentionNotFound`] with the first mention that means nobody.
    pub(super) fn resolve(
        &self,
        may_know: impl Fn(ContactId) -> bool,
    ) -> Result<BTreeSet<ContactId>> {
        let resolve = |mention: &Mention| match mention.id {
            Some(id) if may_know(id) => Ok(id),
            _ => self.by_name(mention),
        };
        self.mentions.iter().map(resolve).collect()
    }

    /// By username or external id.
    fn by_name(&self, mention: &Mention) -> Result<ContactId> {
        let found = match (&mention.username, &mention.external_id) {
            (Some(username), _) => self.owners.get(&username.folded()),
            (None, Some(external_id)) => self.external.get(external_id.as_str()),
            (None, None) => None,
        };
        found.copied().ok_or_else(|| Error::MentionNotFound {
            mention: mention.text.clone(),
        })
    }
}

impl Store {
    /// The profiles of these contacts; erased ones have an id only. One round trip, none without ids.
    pub(super) async fn load_profiles(
        &self,
        ids: &BTreeSet<ContactId>,
    ) -> Result<HashMap<ContactId, Profile>> {
        let batch = self.with_contacts(BatchGet::default(), ids);
        let mut items = batch.send(&self.db).await?;
        Ok(self.take_contacts(&mut items)?.requested(ids))
    }

    /// The profiles of these contacts, some of which are known. One round trip, none if all are known.
    pub(super) async fn load_missing_profiles(
        &self,
        mut known: HashMap<ContactId, Profile>,
        ids: &BTreeSet<ContactId>,
    ) -> Result<HashMap<ContactId, Profile>> {
        let missing = ids.iter().filter(|id| !known.contains_key(id));
        known.extend(self.load_profiles(&missing.copied().collect()).await?);
        Ok(known)
    }

    /// The item of a contact. One round trip.
    pub(super) async fn load_contact_item(&self, id: ContactId) -> Result<Option<ContactItem>> {
        let attributes = self.load_contact_attributes(id).await?;
        attributes.map(from_item).transpose()
    }

    /// All attributes of a contact, with when its tokens were last used, which [`ContactItem`] does not have. One
    /// round trip.
    pub(super) async fn load_contact_attributes(&self, id: ContactId) -> Result<Option<Item>> {
        let batch = BatchGet::default().keys(&self.tables.contacts, [contact::key(id)]);
        let mut items = batch.send(&self.db).await?;
        Ok(items.take_items(&self.tables.contacts).pop())
    }

    /// The item of a contact that must exist, because it has a token.
    async fn load_own_contact(&self, id: ContactId) -> Result<ContactItem> {
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.contacts)
            .set_key(Some(contact::key(id)));
        let item = get.consistent_read(true).send().await?.item;
        let orphaned = || Error::internal("the contact of a token does not exist");
        from_item(item.ok_or_else(orphaned)?)
    }

    /// The profile of a contact, unless it has been erased. One round trip.
    pub(super) async fn load_profile(&self, id: ContactId) -> Result<Option<Profile>> {
        let profile = self.load_profiles(&BTreeSet::from([id])).await?.remove(&id);
        Ok(profile.filter(|profile| profile.username().is_some()))
    }

    /// The owner of a username. One round trip.
    pub(super) async fn owner_of(&self, username: &Username) -> Result<Option<ContactId>> {
        let folded = BTreeSet::from([username.folded()]);
        let batch = self.with_usernames(BatchGet::default(), &folded);
        let mut items = batch.send(&self.db).await?;
        Ok(self.take_contacts(&mut items)?.owners.into_values().next())
    }

    /// The contacts that mentions may mean. One round trip. Only a server key finds contacts by external id.
    ///
    /// # Errors
    ///
    /// [`Error::MentionNotFound`] with the first mention that cannot be an id and is nobody's username or external id.
    /// Whether an id is somebody's depends on the caller: see [`Mentioned::resolve`].
    pub(super) async fn find_mentioned(
        &self,
        mentions: &[Mention],
        caller: &Caller,
    ) -> Result<Mentioned> {
        let usernames = mentions.iter();
        let usernames = usernames.filter_map(|mention| mention.username.as_ref());
        let folded = usernames.map(Username::folded).collect();
        let batch = self.with_usernames(BatchGet::default(), &folded);
        let external = mentions.iter();
        let external = external.filter_map(|mention| mention.external_id.as_ref());
        let external: BTreeSet<_> = external.filter(|_| caller.is_server()).collect();
        let batch = self.with_external_ids(batch, external);
        let found = self.take_contacts(&mut batch.send(&self.db).await?)?;
        let mentioned = Mentioned {
            mentions: mentions.to_vec(),
            owners: found.owners,
            external: found.external,
        };
        for mention in mentions {
            if mention.id.is_none() {
                mentioned.by_name(mention)?;
            }
        }
        Ok(mentioned)
    }
}
