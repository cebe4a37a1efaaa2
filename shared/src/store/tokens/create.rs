use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{ContactId, TokenId};
use crate::store::Store;
use crate::store::dynamodb::transaction::put_new;
use crate::store::items::token::{TokenItem, TokenListing};
use crate::time::Seconds;
use crate::token::{Label, Lifetime, NewToken, Token, generate_secret};

impl Store {
    /// Creates a token for the caller, which expires no later than the caller's own. Two round trips: token;
    /// transaction.
    ///
    /// # Errors
    ///
    /// [`Error::LifetimeTooLong`].
    pub async fn create_token(
        &self,
        caller: &Caller,
        label: Label,
        expires_in: Option<Lifetime>,
    ) -> Result<NewToken> {
        let contact = self.authenticate(caller).await?;
        let callers_expiry = caller.identity().and_then(|identity| identity.expires_at);
        let now = Seconds::from(self.clock.now());
        let expiry = expires_in.map(|lifetime| lifetime.from(now));
        if let (Some(callers), Some(expiry)) = (callers_expiry, expiry)
            && expiry > callers
        {
            return Err(Error::LifetimeTooLong {
                max_seconds: callers.0.saturating_sub(now.0),
            });
        }
        self.write_new_token(contact, label, expiry.or(callers_expiry))
            .await
    }

    pub(in crate::store) async fn write_new_token(
        &self,
        contact: ContactId,
        label: Label,
        expires_at: Option<Seconds>,
    ) -> Result<NewToken> {
        let secret = generate_secret();
        let hash = Caller::with_token(&secret).token_hash().to_owned();
        let token = self.write_token(hash, contact, label, expires_at).await?;
        Ok(NewToken { token, secret })
    }

    /// Writes a token and its listing.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`] if there is a token with this hash.
    pub(in crate::store) async fn write_token(
        &self,
        token_hash: String,
        contact: ContactId,
        label: Label,
        expires_at: Option<Seconds>,
    ) -> Result<Token> {
        let now = self.clock.now();
        let id = TokenId::new(now);
        let token = TokenItem {
            token_hash: token_hash.clone(),
            contact_id: contact,
            id,
            expires_at,
        };
        let listing = TokenListing {
            contact_id: contact,
            id,
            token_hash,
            label: label.into(),
            created_at: now,
            expires_at,
        };
        let items = vec![
            put_new(&self.tables.tokens, "token_hash", &token)?,
            put_new(&self.tables.token_ids, "id", &listing)?,
        ];
        if self.transact(items).await? {
            Ok(listing.into())
        } else {
            Err(Error::AlreadyExists)
        }
    }
}
