use super::Admin;
use crate::caller::Caller;
use crate::error::Result;
use crate::id::{ContactId, TokenId};
use crate::store::cleanup::Progress;
use crate::store::dynamodb::query::NO_LIMIT;
use crate::store::tokens::into_token;
use crate::time::Seconds;
use crate::token::{Label, NewToken, TOKEN_PREFIX, Token, generate_secret};

impl Admin {
    /// Creates a token for a contact.
    pub async fn create_token(
        &self,
        contact: ContactId,
        label: Label,
        expires_at: Option<Seconds>,
    ) -> Result<NewToken> {
        let secret = generate_secret(TOKEN_PREFIX);
        let caller = Caller::with_token(&secret);
        let token = self.import_token(&caller, contact, label, expires_at);
        let token = token.await?;
        Ok(NewToken { token, secret })
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
        let last_used = self.store.tokens_last_used(contact).await?;
        let tokens = listings.into_iter();
        Ok(tokens
            .map(|listing| into_token(listing, &last_used))
            .collect())
    }

    /// Revokes a token of a contact and all that were issued with it, with immediate effect.
    ///
    /// # Errors
    ///
    /// [`Error::TokenNotFound`](crate::Error::TokenNotFound).
    pub async fn revoke_token(&self, contact: ContactId, id: TokenId) -> Result<()> {
        loop {
            match self.store.revoke_tree(contact, id, None).await {
                Ok(Progress::Unfinished) => {}
                outcome => return outcome.map(drop),
            }
        }
    }
}
