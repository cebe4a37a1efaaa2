use crate::caller::Caller;
use crate::error::Result;
use crate::id::{ContactId, TokenId};
use crate::page::{Cursor, Direction, Limit, Page};
use crate::store::Store;
use crate::store::dynamodb::item::{from_item, string_attr};
use crate::store::dynamodb::query::query_items;
use crate::store::items::token::TokenListing;
use crate::token::Token;

/// The most bytes that a token takes in a response; a page of tokens is never too large.
const MAX_JSON_LEN: usize = 1024;

impl Store {
    /// Returns a page of the caller's tokens, newest first. Expired ones are included until TTL deletes
    /// them. Two round trips: token; list.
    pub async fn list_tokens(
        &self,
        caller: &Caller,
        cursor: Option<Cursor<TokenId>>,
        limit: Limit,
    ) -> Result<Page<Token>> {
        let contact = self.authenticate(caller).await?;
        let listings = self.token_listings(contact, cursor, limit.get() + 1);
        let direction = Cursor::direction(cursor.as_ref());
        let Page { has_more, data } = Page::of(listings.await?, limit, direction, |_| MAX_JSON_LEN);
        let data = data.into_iter().map(Into::into).collect();
        Ok(Page { has_more, data })
    }

    /// Up to `limit` tokens of a contact, in the direction of the cursor.
    pub(in crate::store) async fn token_listings(
        &self,
        contact: ContactId,
        cursor: Option<Cursor<TokenId>>,
        limit: usize,
    ) -> Result<Vec<TokenListing>> {
        let condition = match cursor {
            None => "contact_id = :contact",
            Some(Cursor::StartingAfter(_)) => "contact_id = :contact AND id < :id",
            Some(Cursor::EndingBefore(_)) => "contact_id = :contact AND id > :id",
        };
        let query = self
            .db
            .query()
            .table_name(&self.tables.token_ids)
            .consistent_read(true)
            .key_condition_expression(condition)
            .expression_attribute_values(":contact", string_attr(contact))
            .scan_index_forward(Cursor::direction(cursor.as_ref()) == Direction::Newer);
        let query = match cursor {
            None => query,
            Some(cursor) => query.expression_attribute_values(":id", string_attr(cursor.id())),
        };
        let items = query_items(query, limit).await?;
        items.into_iter().map(from_item).collect()
    }
}
