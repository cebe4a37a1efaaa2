//! Repairs of usernames and tokens.

use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::contact::Username;
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::store::Admin;
use crate::store::admin::check::InconsistentToken;
use crate::store::dynamodb::item::{from_item, string_attr};
use crate::store::dynamodb::query::NO_LIMIT;
use crate::store::dynamodb::transaction::{condition_check, delete_if, put_new};
use crate::store::items::contact::{key, username_key};
use crate::store::items::token::{TokenItem, TokenListing, hash_key};

/// The label of a token that is listed again.
pub(super) const RECOVERED: &str = "recovered";

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
        let mut items = Vec::from(self.store.take_username(&parsed, contact)?);
        items.push(self.has_username(contact, username)?);
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
        let Some(token) = self.load_token(&token.hash).await? else {
            return Ok(false);
        };
        let listing = TokenListing {
            contact_id: token.contact_id,
            id: token.id,
            token_hash: token.token_hash,
            label: RECOVERED.to_owned(),
            created_at: token.id.issued_at(),
            expires_at: token.expires_at,
            issued_with: token.issued_with,
        };
        let exists = "attribute_exists(token_hash)";
        let items = vec![
            put_new(&self.store.tables.token_ids, "id", &listing)?,
            condition_check(&self.store.tables.tokens, key, exists, &[])?,
        ];
        self.store.transact(items).await
    }

    /// Revokes a token whose issuing token does not exist, and all that were issued with it.
    pub(super) async fn revoke_token_without_issuer(
        &self,
        token: &InconsistentToken,
    ) -> Result<bool> {
        let &InconsistentToken { contact, id, .. } = token;
        let item = self.load_token(&token.hash).await?;
        let Some(issuer) = item.and_then(|item| item.issued_with) else {
            return Ok(false);
        };
        let listings = self.store.token_listings(contact, None, NO_LIMIT).await?;
        if let Some(issuer) = listings.iter().find(|listing| listing.id == issuer)
            && self.load_token(&issuer.token_hash).await?.is_some()
        {
            return Ok(false);
        }
        match self.revoke_token(contact, id).await {
            Ok(()) => Ok(true),
            Err(Error::TokenNotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn load_token(&self, hash: &str) -> Result<Option<TokenItem>> {
        let get = self.store.db.get_item();
        let get = get.table_name(&self.store.tables.tokens);
        let get = get.set_key(Some(hash_key(hash))).consistent_read(true);
        get.send().await?.item.map(from_item).transpose()
    }
}
