use futures_util::future::try_join;

use crate::error::{Error, Result};
use crate::id::{ContactId, TokenId};
use crate::page::Cursor;
use crate::store::Store;
use crate::store::dynamodb::batch::delete_all;
use crate::store::items::token::{TokenListing, hash_key, listing_key};
use crate::time::{MAX_IN_FLIGHT, Seconds};
use crate::token::MAX_TOKENS;

impl Store {
    /// Checks that a contact may have another token. Requests that check at the same moment do not see each
    /// other's token, and exceed the quota together.
    ///
    /// Once there are as many listings, deletes those of expired tokens instead of waiting for TTL, so that
    /// tokens with a short lifetime do not make the check expensive. Also deletes what the contact's item has
    /// about tokens that are no longer listed.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyTokens`].
    pub(super) async fn ensure_quota(&self, contact: ContactId) -> Result<()> {
        let started = self.clock.now();
        let now = started.into();
        let reads = try_join(
            self.listings_within_quota(contact, now),
            self.tokens_last_used(contact),
        );
        let (mut listings, last_used) = reads.await?;
        if listings.len() >= MAX_TOKENS {
            let (expired, valid) = listings
                .into_iter()
                .partition(|token| token.is_expired(now));
            self.delete_expired(expired).await?;
            listings = valid;
        }
        let is_listed = |id| listings.iter().any(|token| token.id == id);
        // A token issued after the list was read may have been used already.
        let is_settled = |id: TokenId| id.issued_at() <= started.before(MAX_IN_FLIGHT);
        let ids = last_used.into_keys();
        let unlisted = ids.filter(|&id| is_settled(id) && !is_listed(id));
        self.forget_last_used(contact, unlisted.collect()).await
    }

    /// All listings of a contact, including those of expired tokens.
    async fn listings_within_quota(
        &self,
        contact: ContactId,
        now: Seconds,
    ) -> Result<Vec<TokenListing>> {
        let (mut listings, mut valid) = (Vec::new(), 0);
        let mut cursor = None;
        loop {
            let page = self.token_listings(contact, cursor, MAX_TOKENS).await?;
            valid += page.iter().filter(|token| !token.is_expired(now)).count();
            if valid >= MAX_TOKENS {
                return Err(Error::TooManyTokens);
            }
            let last = page.last().filter(|_| page.len() == MAX_TOKENS);
            cursor = last.map(|last| Cursor::StartingAfter(last.id));
            listings.extend(page);
            if cursor.is_none() {
                return Ok(listings);
            }
        }
    }

    async fn delete_expired(&self, expired: Vec<TokenListing>) -> Result<()> {
        let keys = expired.iter().flat_map(|token| {
            [
                (self.tables.tokens.as_str(), hash_key(&token.token_hash)),
                (
                    self.tables.token_ids.as_str(),
                    listing_key(token.contact_id, token.id),
                ),
            ]
        });
        delete_all(&self.db, keys.collect()).await
    }
}
