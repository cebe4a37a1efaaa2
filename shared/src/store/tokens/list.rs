use std::collections::HashMap;

use futures_util::future::try_join;

use crate::caller::Caller;
use crate::error::Result;
use crate::id::{ContactId, TokenId};
use crate::page::{Cursor, Limit, Page};
use crate::store::Store;
use crate::store::dynamodb::partition::{Order, Partition};
use crate::store::items::token::TokenListing;
use crate::time::Seconds;
use crate::token::Token;

/// The most bytes that a token takes in a response; a page of tokens is never too large.
const MAX_JSON_LEN: usize = 1024;

impl Store {
    /// Returns a page of the caller's tokens, newest first. Expired ones are included until TTL deletes
    /// them. Two round trips: token; list ‖ contact.
    pub async fn list_tokens(
        &self,
        caller: &Caller,
        cursor: Option<Cursor<TokenId>>,
        limit: Limit,
    ) -> Result<Page<Token>> {
        let contact = self.authenticate_for_tokens(caller).await?.contact;
        let reads = try_join(
            self.token_listings(contact, cursor, limit.get() + 1),
            self.tokens_last_used(contact),
        );
        let (listings, last_used) = reads.await?;
        let direction = Cursor::direction(cursor.as_ref());
        let page = Page::of(listings, limit, direction, |_| MAX_JSON_LEN);
        Ok(page.map(|listing| into_token(listing, &last_used)))
    }

    /// Up to `limit` tokens of a contact, in the direction of the cursor.
    pub(in crate::store) async fn token_listings(
        &self,
        contact: ContactId,
        cursor: Option<Cursor<TokenId>>,
        limit: usize,
    ) -> Result<Vec<TokenListing>> {
        let listings = Partition {
            table: &self.tables.token_ids,
            key: ("contact_id", &contact.to_string()),
            sort_key: "id",
            order: Order::Descending,
        };
        listings.items(&self.db, cursor, limit).await
    }
}

/// The token of a listing, as clients see it.
pub fn into_token(listing: TokenListing, last_used: &HashMap<TokenId, Seconds>) -> Token {
    let last_used_at = last_used.get(&listing.id).copied();
    listing.into_token(last_used_at)
}
