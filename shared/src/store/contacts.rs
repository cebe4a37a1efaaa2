//! Contacts, and the usernames that are taken.
//!
//! A username is unique because taking it is an item of its own: `id` is `@` and the name in lower
//! case, `contact_id` is whose it is.

mod activity;
mod erase;
mod others;
mod own;
mod recent;

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

pub use activity::Activity;
pub use own::ChangeOfContact;
pub use recent::RecentPeople;

use super::batch::{Batch, Found};
use super::write::put;
use super::{Item, Store, read, s};
use crate::contact::{AvatarUrl, Contact, Mention, PhoneNumber, Username};
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::time::Micros;

#[derive(Deserialize, Serialize)]
pub(super) struct Row {
    pub id: ContactId,
    pub username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_active_at: Option<Micros>,
    created_at: Micros,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Taken {
    pub id: String,
    pub contact_id: ContactId,
}

/// A contact to be added.
#[derive(Clone, Debug)]
pub struct NewContact {
    /// Names the contact for good.
    pub id: ContactId,
    /// What others call it.
    pub username: Username,
    /// Its phone number.
    pub phone_number: Option<PhoneNumber>,
    /// Where its picture is.
    pub avatar_url: Option<AvatarUrl>,
    /// Its latest request, where it had one elsewhere.
    pub last_active_at: Option<Micros>,
    /// When it came to be.
    pub created_at: Micros,
}

impl From<Row> for Contact {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            username: Some(row.username),
            phone_number: row.phone_number,
            avatar_url: row.avatar_url,
            last_active_at: row.last_active_at.map(Into::into),
            created_at: Some(row.created_at.into()),
        }
    }
}

impl Store {
    /// Adds a contact and takes its username, both or neither.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`] if the id or the username is taken.
    pub async fn add_contact(&self, contact: NewContact) -> Result<()> {
        let NewContact {
            id,
            username,
            phone_number,
            avatar_url,
            last_active_at,
            created_at,
        } = contact;
        let taken = Taken {
            id: taken_key(&username),
            contact_id: id,
        };
        let row = Row {
            id,
            username: username.into(),
            phone_number: phone_number.map(Into::into),
            avatar_url: avatar_url.map(Into::into),
            last_active_at,
            created_at,
        };
        let table = &self.tables.contacts;
        let items = vec![put(table, "id", &row)?, put(table, "id", &taken)?];
        if self.transact(items).await?.is_empty() {
            Ok(())
        } else {
            Err(Error::AlreadyExists)
        }
    }

    /// The contact with this id, for operators.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn contact(&self, id: ContactId) -> Result<Option<Contact>> {
        let contact = self.contacts(&BTreeSet::from([id])).await?.remove(&id);
        Ok(contact.filter(|contact| contact.username.is_some()))
    }

    /// The contact with this username, for operators.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn contact_named(&self, username: &Username) -> Result<Option<Contact>> {
        match self.id_of(username).await? {
            Some(id) => self.contact(id).await,
            None => Ok(None),
        }
    }

    /// Whose this username is. One round trip.
    async fn id_of(&self, username: &Username) -> Result<Option<ContactId>> {
        let batch = self.with_usernames(Batch::default(), &BTreeSet::from([username.folded()]));
        let mut found = batch.get(&self.db).await?;
        Ok(self.take_people(&mut found)?.usernames.into_values().next())
    }

    /// Visits all contacts, for operators: it reads the whole table.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn each_contact(&self, mut visit: impl FnMut(Contact)) -> Result<()> {
        self.each(&self.tables.contacts, |item| {
            if item.contains_key("username") {
                visit(read::<Row>(item)?.into());
            }
            Ok(())
        })
        .await
    }

    /// The contacts with these ids; an erased one is shown as such. One round trip, none for no id.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn contacts(&self, ids: &BTreeSet<ContactId>) -> Result<HashMap<ContactId, Contact>> {
        let batch = self.with_contacts(Batch::default(), ids);
        let mut found = batch.get(&self.db).await?;
        Ok(self.take_people(&mut found)?.contacts(ids))
    }

    /// The contacts with these ids, of whom some are known. One round trip, none for those.
    pub(super) async fn contacts_beside(
        &self,
        mut known: HashMap<ContactId, Contact>,
        ids: &BTreeSet<ContactId>,
    ) -> Result<HashMap<ContactId, Contact>> {
        let missing = ids.iter().filter(|id| !known.contains_key(id));
        known.extend(self.contacts(&missing.copied().collect()).await?);
        Ok(known)
    }

    /// These contacts, to be read in a batch.
    pub(super) fn with_contacts(&self, batch: Batch, ids: &BTreeSet<ContactId>) -> Batch {
        batch.with(&self.tables.contacts, ids.iter().copied().map(key))
    }

    /// What tells whose these usernames are, to be read in a batch.
    pub(super) fn with_usernames(&self, batch: Batch, usernames: &BTreeSet<String>) -> Batch {
        let keys = usernames.iter().map(|folded| key_of(&format!("@{folded}")));
        batch.with(&self.tables.contacts, keys)
    }

    /// Which of the ids exist that are mentioned, and whose the usernames are.
    async fn look_at(&self, mentions: &[Mention]) -> Result<People> {
        let ids: BTreeSet<_> = mentions.iter().filter_map(|mention| mention.id).collect();
        let names = mentions
            .iter()
            .filter_map(|mention| mention.username.as_ref());
        let batch = self.with_contacts(Batch::default(), &ids);
        let batch = self.with_usernames(batch, &names.map(Username::folded).collect());
        let mut found = batch.get(&self.db).await?;
        self.take_people(&mut found)
    }

    /// Who was found of those that a batch asked for.
    pub(super) fn take_people(&self, found: &mut Found) -> Result<People> {
        let mut people = People::default();
        for item in found.take_items(&self.tables.contacts) {
            if item.contains_key("contact_id") {
                let Taken { id, contact_id } = read(item)?;
                people.usernames.insert(id[1..].to_owned(), contact_id);
            } else {
                let row: Row = read(item)?;
                people.existing.insert(row.id, row.into());
            }
        }
        Ok(people)
    }
}

/// Who was found.
#[derive(Default)]
pub(super) struct People {
    existing: HashMap<ContactId, Contact>,
    /// Whose the usernames are, by the folded name.
    pub usernames: HashMap<String, ContactId>,
}

impl People {
    /// The contacts that were asked for by these ids; an erased one is shown as such.
    pub(super) fn contacts(mut self, ids: &BTreeSet<ContactId>) -> HashMap<ContactId, Contact> {
        let erased = ids.iter().map(|&id| (id, Contact::erased(id)));
        let mut contacts: HashMap<_, _> = erased.collect();
        contacts.extend(self.existing.drain());
        contacts
    }
}

pub(super) fn key(id: ContactId) -> Item {
    key_of(&id.to_string())
}

pub(super) fn key_of(id: &str) -> Item {
    Item::from([("id".to_owned(), s(id))])
}

fn taken_key(username: &Username) -> String {
    format!("@{}", username.folded())
}
