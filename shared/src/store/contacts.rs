//! Contacts, and the usernames that are taken.
//!
//! A username is unique because taking it is an item of its own: `id` is `@` and the name in lower
//! case, `contact_id` is whose it is.

mod activity;
mod erase;
mod others;
mod own;

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

pub use activity::Activity;
pub use own::ChangeOfContact;

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
        Ok(self.take_usernames(&mut found)?.into_values().next())
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
        let keys = ids.iter().map(|&id| key(id));
        let mut found = Batch::default()
            .with(&self.tables.contacts, keys)
            .get(&self.db)
            .await?;
        let mut contacts: HashMap<_, _> = ids.iter().map(|&id| (id, Contact::erased(id))).collect();
        let rows: Vec<Row> = found.take(&self.tables.contacts)?;
        contacts.extend(rows.into_iter().map(|row| (row.id, row.into())));
        Ok(contacts)
    }

    /// What tells whose these usernames are, to be read in a batch.
    pub(super) fn with_usernames(&self, batch: Batch, usernames: &BTreeSet<String>) -> Batch {
        let keys = usernames.iter().map(|folded| key_of(&format!("@{folded}")));
        batch.with(&self.tables.contacts, keys)
    }

    /// Which of the ids exist that are mentioned, and whose the usernames are.
    async fn look_at(&self, mentions: &[Mention]) -> Result<Mentioned> {
        let ids: BTreeSet<_> = mentions.iter().filter_map(|mention| mention.id).collect();
        let names = mentions
            .iter()
            .filter_map(|mention| mention.username.as_ref());
        let batch = Batch::default().with(&self.tables.contacts, ids.into_iter().map(key));
        let batch = self.with_usernames(batch, &names.map(Username::folded).collect());
        let mut found = batch.get(&self.db).await?;
        let items = found.take_items(&self.tables.contacts).into_iter();
        let (taken, rows) = items.partition::<Vec<_>, _>(|item| item.contains_key("contact_id"));
        let rows = rows.into_iter().map(|item| Ok(read::<Row>(item)?.id));
        let taken = taken.into_iter().map(|item| {
            let Taken { id, contact_id } = read(item)?;
            Ok((id[1..].to_owned(), contact_id))
        });
        Ok(Mentioned {
            ids: rows.collect::<Result<_>>()?,
            usernames: taken.collect::<Result<_>>()?,
        })
    }

    /// Whose the usernames of such a batch are, by the folded name.
    pub(super) fn take_usernames(&self, found: &mut Found) -> Result<HashMap<String, ContactId>> {
        let taken: Vec<Taken> = found.take(&self.tables.contacts)?;
        Ok(taken
            .into_iter()
            .map(|taken| (taken.id[1..].to_owned(), taken.contact_id))
            .collect())
    }
}

/// Who exists of those that are mentioned.
struct Mentioned {
    ids: HashSet<ContactId>,
    /// By the folded name.
    usernames: HashMap<String, ContactId>,
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
