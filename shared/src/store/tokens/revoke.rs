//! Revoking tokens with all that were issued with them, in steps, so that a repeated request can continue.
//!
//! 1. The tokens are deleted from `tokens`: nobody can use them any more, nor issue others with them, because
//!    the transaction that does so depends on the issuing token. Their listings stay.
//! 2. The list is read again. A token that was issued meanwhile is in it, with its issuer, and is deleted as
//!    well. As all listings count towards the quota, this ends, however fast somebody issues tokens.
//! 3. When the list has no other token, the listings are deleted.

use std::collections::BTreeSet;

use futures_util::future::try_join;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{ContactId, TokenId};
use crate::store::Store;
use crate::store::cleanup::{CleanupLimit, Progress};
use crate::store::dynamodb::batch::delete_all;
use crate::store::dynamodb::query::NO_LIMIT;
use crate::store::items::token::{TokenListing, hash_key, listing_key};

/// The number of tokens per step.
pub(super) const STEP: usize = 100;

impl Store {
    /// Revokes a token of the caller and all that were issued with it. If the caller's own token is one of
    /// them, it is the last, so that an unfinished request can be repeated.
    ///
    /// Five round trips: token; list; deletion; list; deletion of the listings ‖ contact. More for each hundred
    /// tokens, and if others are issued meanwhile. [`Progress::Unfinished`] if it takes more than one request.
    ///
    /// # Errors
    ///
    /// [`Error::TokenNotFound`].
    pub async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<Progress> {
        let own = self.authenticate_for_tokens(caller).await?;
        self.revoke_tree(own.contact, id, own.token).await
    }

    /// Revokes a token of a contact and all that were issued with it, `last` after the others.
    pub(in crate::store) async fn revoke_tree(
        &self,
        contact: ContactId,
        root: TokenId,
        last: Option<TokenId>,
    ) -> Result<Progress> {
        let tree = |listings: &[TokenListing]| tree(root, listings);
        let limit = self.cleanup_limit();
        let revoked = self.revoke_selected(contact, last, tree, limit).await?;
        revoked.ok_or(Error::TokenNotFound)
    }

    /// Revokes the tokens that `select` chooses from the list, until it chooses no other, and `last` after the
    /// others. `None` if there was none.
    pub(super) async fn revoke_selected(
        &self,
        contact: ContactId,
        last: Option<TokenId>,
        select: impl Fn(&[TokenListing]) -> BTreeSet<TokenId>,
        limit: CleanupLimit,
    ) -> Result<Option<Progress>> {
        let mut invalid = BTreeSet::new();
        let (selected, listings) = loop {
            let mut listings = self.token_listings(contact, None, NO_LIMIT).await?;
            let selected = select(&listings);
            listings.retain(|token| selected.contains(&token.id));
            let valid = listings.iter().filter(|token| !invalid.contains(&token.id));
            let (last, others): (Vec<_>, Vec<_>) =
                valid.cloned().partition(|token| Some(token.id) == last);
            let next = if others.is_empty() { last } else { others };
            if next.is_empty() {
                break (selected, listings);
            }
            for step in next.chunks(STEP) {
                if limit.is_reached() {
                    return Ok(Some(Progress::Unfinished));
                }
                self.invalidate(step).await?;
            }
            invalid.extend(next.iter().map(|token| token.id));
        };
        // Those from which a repeated request would find the others are deleted last.
        let is_below =
            |token: &TokenListing| token.issued_with.is_some_and(|id| selected.contains(&id));
        let (below, roots): (Vec<_>, Vec<_>) = listings.into_iter().partition(is_below);
        for step in below.chunks(STEP).chain(roots.chunks(STEP)) {
            if limit.is_reached() {
                return Ok(Some(Progress::Unfinished));
            }
            self.remove_listings(contact, step).await?;
        }
        Ok((!invalid.is_empty()).then_some(Progress::Finished))
    }

    /// Deletes tokens, but not their listings.
    pub(super) async fn invalidate(&self, tokens: &[TokenListing]) -> Result<()> {
        let table = self.tables.tokens.as_str();
        let keys = tokens
            .iter()
            .map(|token| (table, hash_key(&token.token_hash)));
        delete_all(&self.db, keys.collect()).await
    }

    /// Deletes the listings of deleted tokens, and when they were last used.
    pub(super) async fn remove_listings(
        &self,
        contact: ContactId,
        tokens: &[TokenListing],
    ) -> Result<()> {
        let table = self.tables.token_ids.as_str();
        let keys = tokens
            .iter()
            .map(|token| (table, listing_key(contact, token.id)));
        let ids = tokens.iter().map(|token| token.id).collect();
        try_join(
            delete_all(&self.db, keys.collect()),
            self.forget_last_used(contact, ids),
        )
        .await
        .map(drop)
    }
}

/// A token, if it is listed, and all listed ones that were issued with it, directly or not.
fn tree(root: TokenId, listings: &[TokenListing]) -> BTreeSet<TokenId> {
    let mut tree = BTreeSet::new();
    let mut size = None;
    while size != Some(tree.len()) {
        size = Some(tree.len());
        // The oldest first, so that a token usually comes after the one that it was issued with.
        for token in listings.iter().rev() {
            let issued_within = |id| id == root || tree.contains(&id);
            if token.id == root || token.issued_with.is_some_and(issued_within) {
                tree.insert(token.id);
            }
        }
    }
    tree
}
