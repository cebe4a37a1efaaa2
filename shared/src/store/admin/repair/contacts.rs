//! Repairs of usernames and tokens.

use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::contact::Username;
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::store::Admin;
use crate::store::admin::check::InconsistentToken;
use crate::store::dynamodb::item::{from_item, string_attr};
use crate::store::dynamodb::transaction::{condition_check, delete_if, put_new};
use crate::store::items::contact::{UsernameItem, key, username_key};
use crate::store::items::token::{TokenItem, TokenListing, hash_key};

/// The label of a token that is listed again.
const RECOVERED: &str = "recovered";

impl Admin {
    pub(super) async fn delete_username(
        &self,
        folded: &str,
        contact: ContactId,
        actual: Option<&str>,
    ) -> Result<bool> {
        let table = &self.store.tables.contacts;
        let is_not_used = match actual {
            None => self.contact_does_not_exist(contact)?,
            Some(username) => self.has_username(contact, username)?,
        };
        let owner = string_attr(contact);
        let delete = delete_if(table, username_key(folded), "contact_id", owner)?;
        self.store.transact(vec![is_not_used, delete]).await
    }

    pub(super) async fn restore_username(
        &self,
        contact: ContactId,
        username: &str,
    ) -> Result<bool> {
        let parsed = Username::try_from(username.to_owned()).map_err(Error::internal)?;
        let item = UsernameItem::new(&parsed, contact);
        let items = vec![
            put_new(&self.store.tables.contacts, "id", &item)?,
            self.has_username(contact, username)?,
        ];
        self.store.transact(items).await
    }

    fn has_username(&self, contact: ContactId, username: &str) -> Result<TransactWriteItem> {
        condition_check(
            &self.store.tables.contacts,
            key(contact),
            "username = :username",
            &[(":username", string_attr(username))],
        )
    }

    pub(super) async fn restore_listing(&self, token: &InconsistentToken) -> Result<bool> {
        let key = hash_key(&token.hash);
        let get = self.store.db.get_item();
        let get = get.table_name(&self.store.tables.tokens);
        let get = get.set_key(Some(key.clone())).consistent_read(true);
        let Some(item) = get.send().await?.item else {
            return Ok(false);
        };
        let token: TokenItem = from_item(item)?;
        let listing = TokenListing {
            contact_id: token.contact_id,
            id: token.id,
            token_hash: token.token_hash,
            label: RECOVERED.to_owned(),
            created_at: token.id.issued_at(),
            expires_at: token.expires_at,
        };
        let exists = "attribute_exists(token_hash)";
        let items = vec![
            put_new(&self.store.tables.token_ids, "id", &listing)?,
            condition_check(&self.store.tables.tokens, key, exists, &[])?,
        ];
        self.store.transact(items).await
    }
}
