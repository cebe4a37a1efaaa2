//! The tokens of a contact, including those with an item missing.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::id::{ContactId, TokenId};
use crate::store::Admin;
use crate::store::dynamodb::item::{Item, from_item};
use crate::store::dynamodb::transaction::delete;
use crate::store::items::token::{TokenItem, TokenListing, hash_key, listing_key};

/// By token, the tables and keys of its items.
type TokenKeys<'a> = BTreeMap<TokenId, Vec<(&'a str, Item)>>;

impl Admin {
    /// Finds all tokens of a contact. Scans both tables.
    pub(super) async fn tokens_of(&self, contact: ContactId) -> Result<TokenKeys<'_>> {
        let mut tokens = TokenKeys::new();
        let table = self.store.tables.tokens.as_str();
        self.store
            .scan(table, |item| {
                let token: TokenItem = from_item(item)?;
                if token.contact_id == contact {
                    let key = hash_key(&token.token_hash);
                    tokens.entry(token.id).or_default().push((table, key));
                }
                Ok(())
            })
            .await?;
        let table = self.store.tables.token_ids.as_str();
        self.store
            .scan(table, |item| {
                let listing: TokenListing = from_item(item)?;
                if listing.contact_id == contact {
                    let key = listing_key(contact, listing.id);
                    tokens.entry(listing.id).or_default().push((table, key));
                }
                Ok(())
            })
            .await?;
        Ok(tokens)
    }

    /// Revokes all tokens of a contact. Returns their number.
    pub(super) async fn delete_tokens_of(&self, contact: ContactId) -> Result<usize> {
        let tokens = self.tokens_of(contact).await?;
        let count = tokens.len();
        for items in tokens.into_values() {
            let items = items.into_iter().map(|(table, key)| delete(table, key));
            let items = items.collect::<Result<_>>()?;
            self.store.transact(items).await?;
        }
        Ok(count)
    }
}
