use std::collections::{BTreeSet, HashMap};

use super::Admin;
use crate::contact::{AvatarUrl, Contact, PhoneNumber, Username};
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::store::dynamodb::item::from_item;
use crate::store::dynamodb::transaction::put_new;
use crate::store::items::contact::{ContactItem, UsernameItem};
use crate::time::Micros;

/// A contact to be created.
#[derive(Clone, Debug)]
pub struct NewContact {
    /// Its id, which never changes.
    pub id: ContactId,
    /// Its username.
    pub username: Username,
    /// Its phone number.
    pub phone_number: Option<PhoneNumber>,
    /// The URL of its avatar.
    pub avatar_url: Option<AvatarUrl>,
    /// Its latest request, if it is imported from another system.
    pub last_active_at: Option<Micros>,
    /// When it was created.
    pub created_at: Micros,
}

impl Admin {
    /// Creates a contact.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`] if the id or the username is taken.
    pub async fn create_contact(&self, contact: NewContact) -> Result<()> {
        let NewContact {
            id,
            username,
            phone_number,
            avatar_url,
            last_active_at,
            created_at,
        } = contact;
        let username_item = UsernameItem::new(&username, id);
        let contact_item = ContactItem {
            id,
            username: username.into(),
            phone_number: phone_number.map(Into::into),
            avatar_url: avatar_url.map(Into::into),
            last_active_at,
            created_at,
        };
        let table = &self.store.tables.contacts;
        let items = vec![
            put_new(table, "id", &contact_item)?,
            put_new(table, "id", &username_item)?,
        ];
        if self.store.transact(items).await? {
            Ok(())
        } else {
            Err(Error::AlreadyExists)
        }
    }

    /// Returns the contact with this id.
    pub async fn get_contact(&self, id: ContactId) -> Result<Option<Contact>> {
        self.store.load_contact(id).await
    }

    /// Returns the contacts with these ids; erased ones have an id only.
    pub async fn get_contacts(
        &self,
        ids: &BTreeSet<ContactId>,
    ) -> Result<HashMap<ContactId, Contact>> {
        self.store.load_contacts(ids).await
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
        self.store
            .scan(table, |item| {
                if item.contains_key("username") {
                    visit(from_item::<ContactItem>(item)?.into());
                }
                Ok(())
            })
            .await
    }
}
