use std::collections::HashMap;

use super::Admin;
use crate::caller::{Caller, Payer};
use crate::error::{Error, Result};
use crate::id::TokenId;
use crate::key::{Key, NewKey, Scopes};
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::item::{Item, from_item, string_attr};
use crate::store::dynamodb::query::{NO_LIMIT, query_items};
use crate::store::dynamodb::transaction::{delete, put_new};
use crate::store::items::contact::{KeyAccountItem, payer_key};
use crate::store::items::token::{KEYS, KeyItem, KeyListing, hash_key, key_listing_key};
use crate::time::{Micros, Seconds};
use crate::token::{KEY_PREFIX, Label, generate_secret};

impl Admin {
    /// Issues a server key.
    pub async fn issue_key(
        &self,
        label: Label,
        scopes: Scopes,
        expires_at: Option<Seconds>,
    ) -> Result<NewKey> {
        let secret = generate_secret(KEY_PREFIX);
        let caller = Caller::with_token(&secret);
        let key = self.import_key(&caller, label, scopes, expires_at).await?;
        Ok(NewKey { key, secret })
    }

    /// Makes a secret that was generated elsewhere, which the caller holds, a server key.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`] if the secret exists.
    pub async fn import_key(
        &self,
        caller: &Caller,
        label: Label,
        scopes: Scopes,
        expires_at: Option<Seconds>,
    ) -> Result<Key> {
        let created_at = self.store.clock.now();
        let listing = KeyListing {
            contact_id: KEYS.to_owned(),
            id: TokenId::new(created_at),
            token_hash: caller.token_hash().to_owned(),
            label: label.into(),
            scopes,
            created_at,
            expires_at,
        };
        let key = KeyItem {
            token_hash: listing.token_hash.clone(),
            id: listing.id,
            scopes,
            expires_at,
        };
        let tables = &self.store.tables;
        let items = vec![
            put_new(&tables.tokens, "token_hash", &key)?,
            put_new(&tables.token_ids, "id", &listing)?,
            put_new(&tables.contacts, "id", &KeyAccountItem::new(listing.id))?,
        ];
        if self.store.transact(items).await? {
            Ok(listing.into_key(None))
        } else {
            Err(Error::AlreadyExists)
        }
    }

    /// Returns the server keys, newest first. Expired ones are included until TTL deletes them.
    pub async fn list_keys(&self) -> Result<Vec<Key>> {
        let listings = self.key_listings().await?;
        let contacts = &self.store.tables.contacts;
        let accounts = listings.iter().map(|key| payer_key(Payer::Key(key.id)));
        let batch = BatchGet::default().keys(contacts, accounts);
        let accounts = batch.send(&self.store.db).await?.take_items(contacts);
        let used = accounts
            .iter()
            .filter_map(last_used)
            .collect::<HashMap<_, _>>();
        let keys = listings.into_iter();
        let keys = keys.map(|key| {
            let account = KeyAccountItem::new(key.id).id;
            key.into_key(used.get(&account).copied())
        });
        Ok(keys.collect())
    }

    /// Revokes a server key, with immediate effect.
    ///
    /// # Errors
    ///
    /// [`Error::TokenNotFound`].
    pub async fn revoke_key(&self, id: TokenId) -> Result<()> {
        let listings = self.key_listings().await?.into_iter();
        let listing = listings.into_iter().find(|listing| listing.id == id);
        let listing = listing.ok_or(Error::TokenNotFound)?;
        let tables = &self.store.tables;
        let items = vec![
            delete(&tables.tokens, hash_key(&listing.token_hash))?,
            delete(&tables.token_ids, key_listing_key(id))?,
            delete(&tables.contacts, payer_key(Payer::Key(id)))?,
        ];
        self.store.transact(items).await.map(drop)
    }

    async fn key_listings(&self) -> Result<Vec<KeyListing>> {
        let query = self
            .store
            .db
            .query()
            .table_name(&self.store.tables.token_ids)
            .consistent_read(true)
            .key_condition_expression("contact_id = :keys")
            .expression_attribute_values(":keys", string_attr(KEYS))
            .scan_index_forward(false);
        let items = query_items(query, NO_LIMIT).await?.into_iter();
        items.map(from_item).collect()
    }
}

/// The id of an account, and when it was last active.
fn last_used(account: &Item) -> Option<(String, Seconds)> {
    let id = account.get("id")?.as_s().ok()?.clone();
    let micros = account.get("last_active_at")?.as_n().ok()?.parse().ok()?;
    Some((id, Micros(micros).into()))
}
