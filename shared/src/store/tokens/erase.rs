//! All tokens of a contact: counting them, and revoking them.

use std::collections::BTreeMap;

use super::{Listed, Row, id_key};
use crate::error::Result;
use crate::id::{ContactId, TokenId};
use crate::store::write::delete;
use crate::store::{Item, Store, read, s};

/// The tokens of a contact: each with the keys of the items that make it up.
pub(in crate::store) type Tokens<'a> = BTreeMap<TokenId, Vec<(&'a str, Item)>>;

impl Store {
    /// All tokens of a contact, also those with an item missing; reads both tables.
    pub(in crate::store) async fn all_tokens_of(&self, contact: ContactId) -> Result<Tokens<'_>> {
        let mut tokens = Tokens::new();
        let table = self.tables.tokens.as_str();
        self.each(table, |item| {
            let row: Row = read(item)?;
            if row.contact_id == contact {
                let key = Item::from([("token_hash".to_owned(), s(row.token_hash))]);
                tokens.entry(row.id).or_default().push((table, key));
            }
            Ok(())
        })
        .await?;
        let table = self.tables.token_ids.as_str();
        self.each(table, |item| {
            let listed: Listed = read(item)?;
            if listed.contact_id == contact {
                let key = id_key(contact, listed.id);
                tokens.entry(listed.id).or_default().push((table, key));
            }
            Ok(())
        })
        .await?;
        Ok(tokens)
    }

    /// Revokes all tokens of a contact; how many there were.
    pub(in crate::store) async fn revoke_all(&self, contact: ContactId) -> Result<usize> {
        let tokens = self.all_tokens_of(contact).await?;
        let count = tokens.len();
        for items in tokens.into_values() {
            let items = items.into_iter().map(|(table, key)| delete(table, key));
            self.transact(items.collect::<Result<_>>()?).await?;
        }
        Ok(count)
    }
}
