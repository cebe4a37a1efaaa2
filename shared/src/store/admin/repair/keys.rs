//! Repairs of server keys, external ids and the directory.

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::contacts::RECOVERED;
use crate::caller::Payer;
use crate::contact::ExternalId;
use crate::error::{Error, Result};
use crate::id::{ContactId, TokenId};
use crate::store::Admin;
use crate::store::dynamodb::item::{number_attr, string_attr};
use crate::store::dynamodb::transaction::{condition_check, delete, delete_if, put_if, put_new};
use crate::store::items::acquaintance::{DirectoryEntry, directory_key};
use crate::store::items::contact::{ContactItem, ExternalIdItem, external_id_key, key, payer_key};
use crate::store::items::token::{KEYS, KeyListing, TokenTableItem, hash_key};

impl Admin {
    pub(super) async fn restore_key_listing(&self, hash: &str) -> Result<bool> {
        let tables = &self.store.tables;
        let get = self.store.db.get_item().table_name(&tables.tokens);
        let get = get.set_key(Some(hash_key(hash))).consistent_read(true);
        let item = get.send().await?.item.map(TokenTableItem::from_item);
        let Some(TokenTableItem::Key(key)) = item.transpose()? else {
            return Ok(false);
        };
        let listing = KeyListing {
            contact_id: KEYS.to_owned(),
            id: key.id,
            token_hash: key.token_hash,
            label: RECOVERED.to_owned(),
            scopes: key.scopes,
            created_at: key.id.issued_at(),
            expires_at: key.expires_at,
        };
        let exists = "attribute_exists(token_hash)";
        let items = vec![
            put_new(&tables.token_ids, "id", &listing)?,
            condition_check(&tables.tokens, hash_key(hash), exists, &[])?,
        ];
        self.store.transact(items).await
    }

    pub(super) async fn delete_key_listing(&self, id: TokenId) -> Result<bool> {
        match self.revoke_key(id).await {
            Ok(()) => Ok(true),
            Err(Error::TokenNotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn delete_key_account(&self, id: TokenId) -> Result<bool> {
        let table = &self.store.tables.contacts;
        let delete = delete(table, payer_key(Payer::Key(id)))?;
        self.store.transact(vec![delete]).await
    }

    pub(super) async fn delete_external_id(
        &self,
        external_id: &str,
        contact: ContactId,
    ) -> Result<bool> {
        let parsed = parse(external_id)?;
        let table = &self.store.tables.contacts;
        let owner = string_attr(contact);
        let items = vec![
            delete_if(table, external_id_key(&parsed), "contact_id", owner)?,
            condition_check(
                table,
                key(contact),
                "attribute_not_exists(external_id) OR external_id <> :external_id",
                &[(":external_id", string_attr(external_id))],
            )?,
        ];
        self.store.transact(items).await
    }

    /// A contact whose external id belongs to another stays as it is.
    pub(super) async fn restore_external_id(
        &self,
        contact: ContactId,
        external_id: &str,
    ) -> Result<bool> {
        let put = |table: &str, item: &ExternalIdItem| put_new(table, "id", item);
        self.write_external_id(contact, external_id, put).await
    }

    /// Makes an external id say of its contact whether it is suspended.
    pub(super) async fn correct_external_id(
        &self,
        contact: ContactId,
        external_id: &str,
    ) -> Result<bool> {
        let values = [(":contact", string_attr(contact))];
        let put = |table: &str, item: &ExternalIdItem| {
            put_if(table, item, "contact_id = :contact", &values)
        };
        self.write_external_id(contact, external_id, put).await
    }

    /// Writes the item of an external id, if the contact has it. Returns whether it did.
    async fn write_external_id(
        &self,
        contact: ContactId,
        external_id: &str,
        put: impl FnOnce(&str, &ExternalIdItem) -> Result<TransactWriteItem>,
    ) -> Result<bool> {
        let table = &self.store.tables.contacts;
        let Some(contact) = self.store.load_contact_item(contact).await? else {
            return Ok(false);
        };
        let item = ExternalIdItem {
            suspended_at: contact.suspended_at,
            ..ExternalIdItem::new(&parse(external_id)?, contact.id)
        };
        let items = vec![
            put(table, &item)?,
            self.has_external_id(&contact, external_id)?,
        ];
        self.store.transact(items).await
    }

    /// The condition that a contact has this external id, and is still suspended or not.
    fn has_external_id(
        &self,
        contact: &ContactItem,
        external_id: &str,
    ) -> Result<TransactWriteItem> {
        let mut values = vec![(":external_id", string_attr(external_id))];
        let condition = match contact.suspended_at {
            None => "external_id = :external_id AND attribute_not_exists(suspended_at)",
            Some(suspended_at) => {
                values.push((":suspended_at", number_attr(suspended_at.0)));
                "external_id = :external_id AND suspended_at = :suspended_at"
            }
        };
        let table = &self.store.tables.contacts;
        condition_check(table, key(contact.id), condition, &values)
    }

    pub(super) async fn add_to_directory(&self, contact: ContactId) -> Result<bool> {
        let tables = &self.store.tables;
        let entry = DirectoryEntry::new(contact);
        let items = vec![
            put_new(&tables.acquaintances, "other_id", &entry)?,
            condition_check(&tables.contacts, key(contact), "attribute_exists(id)", &[])?,
        ];
        self.store.transact(items).await
    }

    pub(super) async fn delete_from_directory(&self, contact: ContactId) -> Result<bool> {
        let tables = &self.store.tables;
        let absent = "attribute_not_exists(id)";
        let items = vec![
            delete(&tables.acquaintances, directory_key(contact))?,
            condition_check(&tables.contacts, key(contact), absent, &[])?,
        ];
        self.store.transact(items).await
    }
}

fn parse(external_id: &str) -> Result<ExternalId> {
    ExternalId::try_from(external_id.to_owned()).map_err(Error::internal)
}
