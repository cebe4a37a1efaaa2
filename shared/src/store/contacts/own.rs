//! The caller itself: what others see of it, and changing that.

use super::{Row, Taken, key, taken_key};
use crate::caller::Caller;
use crate::contact::{AvatarUrl, Contact, Edit, PhoneNumber, Username};
use crate::error::{Cause, Error, Result};
use crate::id::ContactId;
use crate::store::failure::Backoff;
use crate::store::write::{Update, delete_if, put};
use crate::store::{Store, s};

/// What a contact wants changed of itself.
#[derive(Debug, Default)]
pub struct ChangeOfContact {
    /// What others shall call it from now on, in old messages as well.
    pub username: Option<Username>,
    /// Its phone number.
    pub phone_number: Edit<PhoneNumber>,
    /// Where its picture is.
    pub avatar_url: Edit<AvatarUrl>,
}

impl Store {
    /// The caller, as those see it with whom it shares a conversation. Two round trips.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`].
    pub async fn me(&self, caller: &Caller) -> Result<Contact> {
        let contact = self.authenticate(caller).await?;
        Ok(self.row(contact).await?.into())
    }

    /// Changes the caller: all of it, or nothing. Three round trips.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::UsernameTaken`].
    pub async fn change_me(&self, caller: &Caller, change: &ChangeOfContact) -> Result<Contact> {
        let contact = self.authenticate(caller).await?;
        let mut backoff = Backoff::default();
        loop {
            let mut row = self.row(contact).await?;
            let old = Username::try_from(row.username.clone()).map_err(Error::internal)?;
            let new = change.username.clone().unwrap_or_else(|| old.clone());
            let table = &self.tables.contacts;
            let mut items = vec![change.update(table, contact, &old, &new).into_part()?];
            row.username = new.clone().into();
            row.phone_number = change.phone_number.clone().apply(row.phone_number);
            row.avatar_url = change.avatar_url.clone().apply(row.avatar_url);
            if new.folded() != old.folded() {
                let taken = Taken {
                    id: taken_key(&new),
                    contact_id: contact,
                };
                items.push(put(table, "id", &taken)?);
                let free = super::key_of(&taken_key(&old));
                items.push(delete_if(table, free, "contact_id", s(contact))?);
            }
            match self.transact(items).await?[..] {
                [] => return Ok(row.into()),
                [1] => return Err(Error::UsernameTaken),
                _ => backoff.wait("the contact keeps changing").await?,
            }
        }
    }

    /// The row of a contact that is known to exist.
    async fn row(&self, id: ContactId) -> Result<Row> {
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.contacts)
            .set_key(Some(key(id)));
        let item = get.consistent_read(true).send().await?.item;
        let item = item.ok_or_else(|| Error::Internal(Cause::from("a token stands for nobody")))?;
        crate::store::read(item)
    }
}

impl ChangeOfContact {
    /// The change of the contact itself, if its username is still the old one; what is not named stays.
    fn update(&self, table: &str, id: ContactId, old: &Username, new: &Username) -> Update {
        let mut set = vec!["username = :new"];
        let mut remove = Vec::new();
        let mut values = vec![(":old", s(old)), (":new", s(new))];
        match &self.phone_number {
            Edit::Keep => {}
            Edit::Clear => remove.push("phone_number"),
            Edit::Set(number) => {
                set.push("phone_number = :phone_number");
                values.push((":phone_number", s(String::from(number.clone()))));
            }
        }
        match &self.avatar_url {
            Edit::Keep => {}
            Edit::Clear => remove.push("avatar_url"),
            Edit::Set(url) => {
                set.push("avatar_url = :avatar_url");
                values.push((":avatar_url", s(String::from(url.clone()))));
            }
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            expression = format!("{expression} REMOVE {}", remove.join(", "));
        }
        let update = Update::new(table, key(id), &expression, "username = :old");
        values
            .into_iter()
            .fold(update, |update, (name, value)| update.with(name, value))
    }
}
