use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{ContactId, TokenId};
use crate::store::Store;
use crate::store::dynamodb::item::from_item;
use crate::store::dynamodb::transaction::delete;
use crate::store::items::token::{TokenListing, hash_key, listing_key};

impl Store {
    /// Revokes a token of the caller, with immediate effect. Three round trips: token; listing; transaction.
    ///
    /// # Errors
    ///
    /// [`Error::TokenNotFound`].
    pub async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        let contact = self.authenticate(caller).await?;
        self.delete_token(contact, id).await
    }

    /// Deletes a token and its listing.
    ///
    /// # Errors
    ///
    /// [`Error::TokenNotFound`].
    pub(in crate::store) async fn delete_token(
        &self,
        contact: ContactId,
        id: TokenId,
    ) -> Result<()> {
        let key = listing_key(contact, id);
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.token_ids)
            .set_key(Some(key.clone()));
        let item = get.consistent_read(true).send().await?.item;
        let listing: TokenListing = from_item(item.ok_or(Error::TokenNotFound)?)?;
        let items = vec![
            delete(&self.tables.tokens, hash_key(&listing.token_hash))?,
            delete(&self.tables.token_ids, key)?,
        ];
        self.transact(items).await.map(drop)
    }
}
