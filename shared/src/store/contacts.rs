//! Contacts, and the usernames that are taken.
//!
//! A username is unique because taking it is an item of its own: `id` is `@` and the name in lower
//! case, `contact_id` is whose it is.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::batch::{Batch, Found};
use super::write::put;
use super::{Item, Store, read, s};
use crate::contact::{Contact, Username};
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::time::Micros;

#[derive(Deserialize, Serialize)]
struct Row {
    id: ContactId,
    username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_active_at: Option<Micros>,
    created_at: Micros,
}

#[derive(Deserialize, Serialize)]
struct Taken {
    id: String,
    contact_id: ContactId,
}

/// A contact to be added.
#[derive(Clone, Debug)]
pub struct NewContact {
    /// Names the contact for good.
    pub id: ContactId,
    /// What others call it.
    pub username: Username,
    /// Its phone number, in any form.
    pub phone_number: Option<String>,
    /// Where its picture is.
    pub avatar_url: Option<String>,
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
            phone_number,
            avatar_url,
            last_active_at,
            created_at,
        };
        let table = &self.tables.contacts;
        let items = vec![put(table, "id", &row)?, put(table, "id", &taken)?];
        if self.transact(items).await? {
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
        let batch = self.with_usernames(Batch::default(), &BTreeSet::from([username.folded()]));
        let mut found = batch.get(&self.db).await?;
        match self.take_usernames(&mut found)?.into_values().next() {
            Some(id) => self.contact(id).await,
            None => Ok(None),
        }
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
    pub(super) async fn contacts(
        &self,
        ids: &BTreeSet<ContactId>,
    ) -> Result<HashMap<ContactId, Contact>> {
        let keys = ids.iter().map(|id| Item::from([("id".to_owned(), s(id))]));
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
        let keys = usernames
            .iter()
            .map(|folded| Item::from([("id".to_owned(), s(format_args!("@{folded}")))]));
        batch.with(&self.tables.contacts, keys)
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

fn taken_key(username: &Username) -> String {
    format!("@{}", username.folded())
}
