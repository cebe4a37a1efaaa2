use super::Admin;
use crate::contact::Username;
use crate::error::Result;
use crate::id::ContactId;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::item::{Item, number_attr};
use crate::store::dynamodb::transaction::{delete, delete_if};
use crate::store::items::contact::{
    ContactTableItem, UsernameItem, erased_username_key, username_key,
};
use crate::time::Seconds;

/// Who has a username.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UsernameStatus {
    /// Nobody.
    Free,
    /// A contact.
    Taken(ContactId),
    /// Nobody, but a contact has given it up, and only that one may take it back for a while.
    GivenUp {
        /// The contact.
        by: ContactId,
        /// When anyone may take it.
        available_at: Seconds,
    },
    /// Nobody, but an erased contact had it.
    Erased,
}

impl Admin {
    /// Returns who has a username.
    pub async fn username_status(&self, username: &Username) -> Result<UsernameStatus> {
        let mut status = UsernameStatus::Free;
        for item in self.username_items(username).await? {
            match ContactTableItem::from_item(item)? {
                ContactTableItem::Username(UsernameItem {
                    contact_id,
                    released_at,
                    ..
                }) => {
                    status = match released_at {
                        None => UsernameStatus::Taken(contact_id),
                        Some(at) => UsernameStatus::GivenUp {
                            by: contact_id,
                            available_at: self.store.username_rules.available_at(at),
                        },
                    }
                }
                _ => return Ok(UsernameStatus::Erased),
            }
        }
        Ok(status)
    }

    /// Makes a username available that a contact has given up, or that an erased contact had. Returns whether
    /// it was one.
    pub async fn free_username(&self, username: &Username) -> Result<bool> {
        let table = &self.store.tables.contacts;
        let mut deletions = Vec::new();
        for item in self.username_items(username).await? {
            let key = Item::from([("id".to_owned(), item["id"].clone())]);
            match ContactTableItem::from_item(item)? {
                ContactTableItem::Username(item) => {
                    if let Some(at) = item.released_at {
                        let at = number_attr(at.0);
                        deletions.push(delete_if(table, key, "released_at", at)?);
                    }
                }
                _ => deletions.push(delete(table, key)?),
            }
        }
        Ok(!deletions.is_empty() && self.store.transact(deletions).await?)
    }

    async fn username_items(&self, username: &Username) -> Result<Vec<Item>> {
        let folded = username.folded();
        let table = &self.store.tables.contacts;
        let keys = [username_key(&folded), erased_username_key(&folded)];
        let batch = BatchGet::default().keys(table, keys);
        Ok(batch.send(&self.store.db).await?.take_items(table))
    }
}
