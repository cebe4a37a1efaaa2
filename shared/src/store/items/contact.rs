//! The table of contacts: a contact, and a username.
//!
//! Usernames are unique because each is an item of its own: its `id` is `@` and the username in lower
//! case, its `contact_id` is the owner.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::contact::{Contact, Username};
use crate::error::Result;
use crate::id::ContactId;
use crate::store::Store;
use crate::store::dynamodb::batch::{BatchGet, BatchItems};
use crate::store::dynamodb::item::{Item, from_item, string_attr};
use crate::time::Micros;

#[derive(Deserialize, Serialize)]
pub struct ContactItem {
    pub id: ContactId,
    pub username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_active_at: Option<Micros>,
    pub created_at: Micros,
}

#[derive(Deserialize, Serialize)]
pub struct UsernameItem {
    pub id: String,
    pub contact_id: ContactId,
}

/// An item of the table.
pub enum ContactTableItem {
    Contact(ContactItem),
    Username(UsernameItem),
}

impl ContactTableItem {
    pub fn from_item(item: Item) -> Result<Self> {
        if item.contains_key("contact_id") {
            from_item(item).map(Self::Username)
        } else {
            from_item(item).map(Self::Contact)
        }
    }
}

impl UsernameItem {
    pub fn new(username: &Username, contact_id: ContactId) -> Self {
        Self {
            id: format!("@{}", username.folded()),
            contact_id,
        }
    }

    /// The username in lower case.
    pub fn folded(&self) -> &str {
        self.id.trim_start_matches('@')
    }
}

impl From<ContactItem> for Contact {
    fn from(item: ContactItem) -> Self {
        Self {
            id: item.id,
            username: Some(item.username),
            phone_number: item.phone_number,
            avatar_url: item.avatar_url,
            last_active_at: item.last_active_at.map(Into::into),
            created_at: Some(item.created_at.into()),
        }
    }
}

/// The key of a contact.
pub fn key(id: ContactId) -> Item {
    Item::from([("id".to_owned(), string_attr(id))])
}

/// The key of a username in lower case.
pub fn username_key(folded: &str) -> Item {
    Item::from([("id".to_owned(), string_attr(format_args!("@{folded}")))])
}

/// The contacts and username owners that a batch returned.
#[derive(Default)]
pub struct FoundContacts {
    pub contacts: HashMap<ContactId, Contact>,
    /// The owners by username in lower case.
    pub owners: HashMap<String, ContactId>,
}

impl FoundContacts {
    /// The requested contacts. One that does not exist has been erased.
    pub fn requested(mut self, ids: &BTreeSet<ContactId>) -> HashMap<ContactId, Contact> {
        let erased = ids.iter().map(|&id| (id, Contact::erased(id)));
        let mut contacts: HashMap<_, _> = erased.collect();
        contacts.extend(self.contacts.drain());
        contacts
    }
}

impl Store {
    /// Adds contacts to a batch.
    pub(in crate::store) fn with_contacts(
        &self,
        batch: BatchGet,
        ids: &BTreeSet<ContactId>,
    ) -> BatchGet {
        batch.keys(&self.tables.contacts, ids.iter().copied().map(key))
    }

    /// Adds usernames in lower case to a batch.
    pub(in crate::store) fn with_usernames(
        &self,
        batch: BatchGet,
        folded: &BTreeSet<String>,
    ) -> BatchGet {
        let keys = folded.iter().map(|folded| username_key(folded));
        batch.keys(&self.tables.contacts, keys)
    }

    pub(in crate::store) fn take_contacts(&self, items: &mut BatchItems) -> Result<FoundContacts> {
        let mut found = FoundContacts::default();
        for item in items.take_items(&self.tables.contacts) {
            match ContactTableItem::from_item(item)? {
                ContactTableItem::Contact(contact) => {
                    found.contacts.insert(contact.id, contact.into());
                }
                ContactTableItem::Username(username) => {
                    let folded = username.folded().to_owned();
                    found.owners.insert(folded, username.contact_id);
                }
            }
        }
        Ok(found)
    }
}
