use super::revoke::STEP;
use crate::caller::Caller;
use crate::contact::ContactRef;
use crate::error::{Error, Result, Unauthenticated};
use crate::id::{ContactId, TokenId};
use crate::key::Scope;
use crate::store::Store;
use crate::store::cleanup::{CleanupLimit, Progress};
use crate::store::dynamodb::transaction::{Transaction, transact};
use crate::store::dynamodb::update::Update;
use crate::store::items::token::{TokenListing, hash_key, listing_key};
use crate::token::MAX_TOKENS;

impl Store {
    /// Revokes all tokens of the caller but the one of this request, if it is one. That one stays valid even if it was
    /// issued with another: from now on it counts as issued by an operator.
    ///
    /// Six round trips: token; list; list; deletion; list; deletion of the listings ‖ contact. One more if the
    /// token was issued with another, and more for each hundred tokens. [`Progress::Unfinished`] if it takes more
    /// than one request.
    pub async fn revoke_tokens(&self, caller: &Caller) -> Result<Progress> {
        let own = self.authenticate_for_tokens(caller).await?;
        if own.issued_with.is_some()
            && let Some(token) = own.token
        {
            self.detach(caller, own.contact, token).await?;
        }
        self.revoke_all_but(own.contact, own.token).await
    }

    /// Revokes all tokens of a contact, with a server key. Six round trips: key; contact; audit trail; list; deletion; list;
    /// deletion of the listings ‖ contact. More for an external id, and for each hundred tokens.
    /// [`Progress::Unfinished`] if it takes more than one request.
    ///
    /// # Errors
    ///
    /// [`Error::KeyRequired`]; [`Error::ScopeMissing`]; [`Error::ContactNotFound`].
    pub async fn revoke_contact_tokens(
        &self,
        caller: &Caller,
        contact: &ContactRef,
    ) -> Result<Progress> {
        self.authenticate_key(caller, Scope::Tokens).await?;
        let contact = self.managed_contact(contact).await?;
        self.audit(caller, contact.id).await?;
        self.revoke_all_but(contact.id, None).await
    }

    /// Revokes all tokens of a contact, except for one.
    pub(in crate::store) async fn revoke_all_but(
        &self,
        contact: ContactId,
        kept: Option<TokenId>,
    ) -> Result<Progress> {
        let limit = self.cleanup_limit();
        let progress = self.revoke_surplus(contact, kept, limit).await?;
        if progress == Progress::Unfinished {
            return Ok(progress);
        }
        let others = |listings: &[TokenListing]| {
            let ids = listings.iter().map(|token| token.id);
            ids.filter(|&id| Some(id) != kept).collect()
        };
        let revoked = self.revoke_selected(contact, None, others, limit);
        Ok(revoked.await?.unwrap_or(Progress::Finished))
    }

    /// Makes the caller's token one that no other has issued.
    async fn detach(&self, caller: &Caller, contact: ContactId, id: TokenId) -> Result<()> {
        const TOKEN: usize = 0;
        let (tokens, listings) = (&self.tables.tokens, &self.tables.token_ids);
        let expression = "REMOVE issued_with";
        let token = hash_key(caller.token_hash());
        let token = Update::new(tokens, token, expression, "attribute_exists(token_hash)");
        let listing = listing_key(contact, id);
        let listing = Update::new(listings, listing, expression, "attribute_exists(id)");
        let items = vec![
            token.into_transaction_item()?,
            listing.into_transaction_item()?,
        ];
        match transact(&self.db, items).await? {
            Transaction::Committed => Ok(()),
            Transaction::ConditionsFailed(failed) if failed.contains(&TOKEN) => {
                self.access_cache.remove_token(caller);
                Err(Unauthenticated::TokenInvalid.into())
            }
            Transaction::ConditionsFailed(_) => Err(Error::internal("a valid token is not listed")),
        }
    }

    /// Revokes the oldest tokens for good, step by step, until no more than the quota are left. A repeated
    /// request need not begin again, however many an operator has issued.
    async fn revoke_surplus(
        &self,
        contact: ContactId,
        kept: Option<TokenId>,
        limit: CleanupLimit,
    ) -> Result<Progress> {
        loop {
            let newest = MAX_TOKENS + STEP;
            let mut others = self.token_listings(contact, None, newest).await?;
            others.retain(|token| Some(token.id) != kept);
            if others.len() <= MAX_TOKENS {
                return Ok(Progress::Finished);
            }
            if limit.is_reached() {
                return Ok(Progress::Unfinished);
            }
            let surplus = others.split_off(MAX_TOKENS);
            self.invalidate(&surplus).await?;
            self.remove_listings(contact, &surplus).await?;
        }
    }
}
