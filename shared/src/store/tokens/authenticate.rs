use crate::caller::{Caller, Identity};
use crate::error::{Result, Unauthenticated};
use crate::id::ContactId;
use crate::store::Store;
use crate::store::dynamodb::batch::{BatchGet, BatchItems};
use crate::store::items::token::{TokenItem, hash_key};

impl Store {
    /// Returns the contact of the caller's token. One round trip; none if the caller is identified already.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`](crate::Error::Unauthenticated) if the token is unknown or has expired.
    pub async fn authenticate(&self, caller: &Caller) -> Result<ContactId> {
        let batch = self.with_caller(BatchGet::default(), caller);
        let mut items = batch.send(&self.db).await?;
        self.take_caller(&mut items, caller)
    }

    /// Adds the caller's token to a batch, unless the caller is identified already.
    pub(in crate::store) fn with_caller(&self, batch: BatchGet, caller: &Caller) -> BatchGet {
        let is_unknown = caller.contact().is_none();
        let key = is_unknown.then(|| hash_key(caller.token_hash()));
        batch.keys(&self.tables.tokens, key)
    }

    /// Identifies the caller with the token from a batch.
    pub(in crate::store) fn take_caller(
        &self,
        items: &mut BatchItems,
        caller: &Caller,
    ) -> Result<ContactId> {
        if let Some(contact) = caller.contact() {
            return Ok(contact);
        }
        let token: Option<TokenItem> = items.take(&self.tables.tokens)?.pop();
        let token = token.ok_or(Unauthenticated::TokenInvalid)?;
        // TTL deletes days late, so expiry is checked here as well.
        let now = self.clock.now().into();
        if token.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(Unauthenticated::TokenInvalid.into());
        }
        caller.identify(Identity {
            contact: token.contact_id,
            expires_at: token.expires_at,
        });
        Ok(token.contact_id)
    }
}
