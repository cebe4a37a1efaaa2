//! Queries across DynamoDB's pages, which may end before the limit.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;

use super::item::Item;
use crate::error::{Error, Result};

/// For queries that read everything.
pub const NO_LIMIT: usize = i32::MAX as usize;

/// The first `limit` items of a query.
pub async fn query_items(query: QueryFluentBuilder, limit: usize) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    let mut start = None;
    loop {
        let missing = i32::try_from(limit - items.len()).map_err(Error::internal)?;
        let page = query
            .clone()
            .limit(missing)
            .set_exclusive_start_key(start)
            .send()
            .await?;
        items.extend(page.items.unwrap_or_default());
        start = page.last_evaluated_key;
        if start.is_none() || items.len() == limit {
            return Ok(items);
        }
    }
}

/// The first page of a query: up to `limit` items, and at most 1 MB of them. Also returns whether more items follow.
pub async fn query_page(query: QueryFluentBuilder, limit: usize) -> Result<(Vec<Item>, bool)> {
    let limit = i32::try_from(limit).map_err(Error::internal)?;
    let page = query.limit(limit).send().await?;
    Ok((
        page.items.unwrap_or_default(),
        page.last_evaluated_key.is_some(),
    ))
}

/// A query with a filter that reads at most `limit` items, whether they pass the filter or not.
pub struct FilteredQuery {
    query: QueryFluentBuilder,
    remaining: usize,
    page_size: usize,
    max_page_size: usize,
    position: Position,
}

enum Position {
    Start,
    After(Item),
    End,
}

/// The items of a page that pass the filter, and their number (all that a `COUNT` query returns).
pub struct FilteredPage {
    pub items: Vec<Item>,
    pub count: usize,
}

impl FilteredQuery {
    pub fn new(query: QueryFluentBuilder, limit: usize) -> Self {
        Self {
            query,
            remaining: limit,
            page_size: limit,
            max_page_size: limit,
            position: Position::Start,
        }
    }

    /// Reads at most this number of items in a page.
    pub fn with_page_size(self, page_size: usize) -> Self {
        self.with_growing_pages(page_size, page_size)
    }

    /// Reads this number of items in the first page, and four times as many in each further one, up to a number.
    pub fn with_growing_pages(self, page_size: usize, max_page_size: usize) -> Self {
        Self {
            page_size,
            max_page_size,
            ..self
        }
    }

    /// The first `wanted` items that pass the filter; and the last item that was examined, if more may follow.
    pub async fn first(mut self, wanted: usize) -> Result<(Vec<Item>, Option<Item>)> {
        let mut found = Vec::new();
        while found.len() < wanted {
            let Some(page) = self.next_page().await? else {
                break;
            };
            found.extend(page.items);
        }
        if found.len() > wanted {
            found.truncate(wanted);
            let last = found.last().cloned();
            return Ok((found, last));
        }
        let last = match self.position {
            Position::After(key) => Some(key),
            Position::Start | Position::End => None,
        };
        Ok((found, last))
    }

    /// The next page; none after the last, or after `limit` items.
    pub async fn next_page(&mut self) -> Result<Option<FilteredPage>> {
        let start = match &self.position {
            Position::Start => None,
            Position::After(key) => Some(key.clone()),
            Position::End => return Ok(None),
        };
        if self.remaining == 0 {
            return Ok(None);
        }
        let limit = i32::try_from(self.remaining.min(self.page_size)).map_err(Error::internal)?;
        self.page_size = (self.page_size * 4).min(self.max_page_size);
        let query = self.query.clone().limit(limit);
        let page = query.set_exclusive_start_key(start).send().await?;
        let scanned = usize::try_from(page.scanned_count).unwrap_or_default();
        self.remaining = self.remaining.saturating_sub(scanned);
        self.position = page
            .last_evaluated_key
            .map_or(Position::End, Position::After);
        Ok(Some(FilteredPage {
            items: page.items.unwrap_or_default(),
            count: usize::try_from(page.count).unwrap_or_default(),
        }))
    }
}
