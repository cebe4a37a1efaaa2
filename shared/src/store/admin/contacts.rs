use std::collections::{BTreeSet, HashMap};

use super::Admin;
use crate::contact::{Contact, Profile, Relation, Username};
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::store::contacts::{EXTERNAL_ID, NewContact};
use crate::store::dynamodb::item::from_item;
use crate::store::dynamodb::transaction::Transaction;
use crate::store::items::contact::ContactItem;

impl Admin {
    /// Creates a contact.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`] if the id or the username is taken; [`Error::ExternalIdTaken`].
    pub async fn create_contact(&self, contact: NewContact) -> Result<()> {
        match self.store.write_contact(&contact).await? {
            Transaction::Committed => Ok(()),
            Transaction::ConditionsFailed(failed) if failed.contains(&EXTERNAL_ID) => {
                Err(Error::ExternalIdTaken)
            }
            Transaction::ConditionsFailed(_) => Err(Error::AlreadyExists),
        }
    }

    /// Returns the contact with this id.
    pub async fn get_contact(&self, id: ContactId) -> Result<Option<Contact>> {
        let profile = self.store.load_profile(id).await?;
        Ok(profile.map(|profile| profile.shown_to(Relation::Operator)))
    }

    /// Returns the contacts with these ids; erased ones have an id only.
    pub async fn get_contacts(
        &self,
        ids: &BTreeSet<ContactId>,
    ) -> Result<HashMap<ContactId, Contact>> {
        let profiles = self.store.load_profiles(ids).await?.into_iter();
        let contacts = profiles.map(|(id, profile)| (id, profile.shown_to(Relation::Operator)));
        Ok(contacts.collect())
    }

    /// Returns the contact with this username.
    pub async fn find_contact(&self, username: &Username) -> Result<Option<Contact>> {
        match self.store.owner_of(username).await? {
            Some(id) => self.get_contact(id).await,
            None => Ok(None),
        }
    }

    /// Visits all contacts. Scans the table.
    pub async fn list_contacts(&self, mut visit: impl FnMut(Contact)) -> Result<()> {
        let table = &self.store.tables.contacts;
        self.scan(table, |item| {
            if item.contains_key("username") {
                let profile = Profile::from(from_item::<ContactItem>(item)?);
                visit(profile.shown_to(Relation::Operator));
            }
            Ok(())
        })
        .await
    }
}
