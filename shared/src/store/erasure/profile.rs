//! A contact itself: its tokens, its names, and what the items of other contacts say of it.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::erased::{Erased, Kind};
use crate::contact::Username;
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::store::Store;
use crate::store::dynamodb::batch::{BatchGet, delete_all};
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::dynamodb::item::{Item, number_attr, string_attr, string_set_attr};
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::{Transaction, delete_if, delete_on, put};
use crate::store::dynamodb::update::Update;
use crate::store::items::contact::{
    ContactItem, ContactTableItem, ErasedUsernameItem, external_id_key, key, username_key,
};
use crate::store::items::token::hash_key;

impl Store {
    /// The contact, suspended, so that it has no tokens once those that it has are deleted. `None` if it does not
    /// exist.
    pub(super) async fn suspend_for_erasure(&self, id: ContactId) -> Result<Option<ContactItem>> {
        let mut backoff = Backoff::default();
        while let Some(contact) = self.load_contact_item(id).await? {
            if contact.suspended_at.is_some() {
                return Ok(Some(contact));
            }
            if !self.suspend(&contact).await? {
                backoff.wait("the contact keeps changing").await?;
            }
        }
        Ok(None)
    }

    /// Suspends a contact. Returns false if it has changed.
    async fn suspend(&self, contact: &ContactItem) -> Result<bool> {
        let now = self.clock.now();
        let is_same = match contact.external_id {
            None => "attribute_not_exists(external_id)",
            Some(_) => "external_id = :external_id",
        };
        let condition =
            format!("attribute_exists(id) AND attribute_not_exists(suspended_at) AND {is_same}");
        let set = "SET suspended_at = :now";
        let update = Update::new(&self.tables.contacts, key(contact.id), set, &condition)
            .value(":now", number_attr(now.0));
        let Some(external_id) = &contact.external_id else {
            return update.send(&self.db).await;
        };
        let update = update.value(":external_id", string_attr(external_id));
        let suspended = ContactItem {
            suspended_at: Some(now),
            ..contact.clone()
        };
        let items = vec![update.into_transaction_item()?];
        let outcome = self.transact_suspension(&suspended, items).await?;
        Ok(matches!(outcome, Transaction::Committed))
    }

    /// Deletes tokens and their listings. A suspended contact gets no others.
    pub(super) async fn erase_listed_tokens(
        &self,
        items: &[Item],
        erased: &mut Erased,
    ) -> Result<()> {
        let hashes = items
            .iter()
            .filter_map(|item| item.get("token_hash")?.as_s().ok());
        let table = self.tables.tokens.as_str();
        let tokens = hashes.map(|hash| (table, hash_key(hash)));
        delete_all(&self.db, tokens.collect()).await?;
        let deleted = self.delete_found(super::Stage::Tokens, items).await?;
        erased.add(Kind::Tokens, deleted);
        Ok(())
    }

    /// Removes the contact from the blocks of others, and deletes the usernames that it gave up, and names that no
    /// contact has.
    pub(super) async fn erase_from_contacts(
        &self,
        contact: ContactId,
        items: &[Item],
        erased: &mut Erased,
    ) -> Result<()> {
        let erasures = items.iter().map(async |item| {
            let (kind, is_erased) = match ContactTableItem::from_item(item.clone())? {
                ContactTableItem::Contact(blocker) => {
                    let removed = self.remove_block(blocker.id, contact).await?;
                    (Kind::BlocksByOthers, removed)
                }
                ContactTableItem::Username(username) => {
                    let erased = self.erase_username(username.folded(), contact)?;
                    (Kind::Usernames, self.transact(erased.into()).await?)
                }
                ContactTableItem::ExternalId(external_id) => {
                    let table = &self.tables.contacts;
                    let key = Item::from([("id".to_owned(), string_attr(external_id.id))]);
                    let delete = delete_if(table, key, "contact_id", string_attr(contact))?;
                    (Kind::ExternalIds, self.transact(vec![delete]).await?)
                }
                ContactTableItem::ErasedUsername
                | ContactTableItem::KeyAccount(_)
                | ContactTableItem::Erasure(_) => return Ok(None),
            };
            Ok(is_erased.then_some(kind))
        });
        for kind in join_bounded(erasures.collect())
            .await?
            .into_iter()
            .flatten()
        {
            erased.add(kind, 1);
        }
        Ok(())
    }

    async fn remove_block(&self, blocker: ContactId, contact: ContactId) -> Result<bool> {
        let table = &self.tables.contacts;
        let condition = "contains(blocks, :contact)";
        Update::new(table, key(blocker), "DELETE blocks :contacts", condition)
            .value(":contacts", string_set_attr([contact]))
            .value(":contact", string_attr(contact))
            .send(&self.db)
            .await
    }

    /// Replaces a username of the contact by an item that keeps it taken.
    fn erase_username(&self, folded: &str, contact: ContactId) -> Result<[TransactWriteItem; 2]> {
        let table = &self.tables.contacts;
        let key = username_key(folded);
        Ok([
            put(table, &ErasedUsernameItem::new(folded))?,
            delete_if(table, key, "contact_id", string_attr(contact))?,
        ])
    }

    /// The parts of a transaction that delete a contact, its username and its external id; the condition is that it
    /// is still suspended and has the same names. One round trip.
    pub(super) async fn profile_deletes(
        &self,
        contact: &ContactItem,
        erased: &mut Erased,
    ) -> Result<Vec<TransactWriteItem>> {
        let table = &self.tables.contacts;
        let not_suspended = || Error::internal("a contact to be erased is not suspended");
        let suspended_at = contact.suspended_at.ok_or_else(not_suspended)?;
        let mut condition = "username = :username AND suspended_at = :suspended_at".to_owned();
        let mut values = vec![
            (":username", string_attr(&contact.username)),
            (":suspended_at", number_attr(suspended_at.0)),
        ];
        match &contact.external_id {
            None => condition += " AND attribute_not_exists(external_id)",
            Some(external_id) => {
                condition += " AND external_id = :external_id";
                values.push((":external_id", string_attr(external_id)));
            }
        }
        let mut items = vec![delete_on(table, key(contact.id), &condition, values)?];
        erased.add(Kind::Contacts, 1);
        let username = Username::try_from(contact.username.clone()).map_err(Error::internal)?;
        let folded = username.folded();
        let batch = self.with_usernames(BatchGet::default(), &BTreeSet::from([folded.clone()]));
        let batch = self.with_external_ids(batch, &contact.external_id);
        let found = self.take_contacts(&mut batch.send(&self.db).await?)?;
        if found.owners.get(&folded) == Some(&contact.id) {
            items.extend(self.erase_username(&folded, contact.id)?);
            erased.add(Kind::Usernames, 1);
        }
        if let Some(external_id) = &contact.external_id
            && found.external.get(external_id.as_str()) == Some(&contact.id)
        {
            let owner = string_attr(contact.id);
            let key = external_id_key(external_id);
            items.push(delete_if(table, key, "contact_id", owner)?);
            erased.add(Kind::ExternalIds, 1);
        }
        Ok(items)
    }
}
