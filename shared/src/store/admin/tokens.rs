use super::Admin;
use crate::caller::Caller;
use crate::error::Result;
use crate::id::{ContactId, TokenId};
use crate::store::dynamodb::query::NO_LIMIT;
use crate::time::Seconds;
use crate::token::{Label, NewToken, Token};

impl Admin {
    /// Creates a token for a contact.
    pub async fn create_token(
        &self,
        contact: ContactId,
        label: Label,
        expires_at: Option<Seconds>,
    ) -> Result<NewToken> {
        self.store.write_new_token(contact, label, expires_at).await
    }

    /// Makes a token that was generated elsewhere, which the caller holds, a token of a contact.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`](crate::Error::AlreadyExists) if the token exists.
    pub async fn import_token(
        &self,
        caller: &Caller,
        contact: ContactId,
        label: Label,
        expires_at: Option<Seconds>,
    ) -> Result<Token> {
        let hash = caller.token_hash().to_owned();
        self.store
            .write_token(hash, contact, label, expires_at)
            .await
    }

    /// Returns the tokens of a contact, newest first.
    pub async fn list_tokens(&self, contact: ContactId) -> Result<Vec<Token>> {
        let listings = self.store.token_listings(contact, None, NO_LIMIT).await?;
        Ok(listings.into_iter().map(Into::into).collect())
    }

    /// Revokes a token of a contact, with immediate effect.
    ///
    /// # Errors
    ///
    /// [`Error::TokenNotFound`](crate::Error::TokenNotFound).
    pub async fn revoke_token(&self, contact: ContactId, id: TokenId) -> Result<()> {
        self.store.delete_token(contact, id).await
    }
}
