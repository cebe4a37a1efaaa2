//! Queries and scans across DynamoDB's pages, which may end before the limit.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;

use super::item::Item;
use crate::error::{Error, Result};
use crate::store::Store;

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

/// A query with a filter that reads at most `limit` items, whether they pass the filter or not.
pub struct FilteredQuery {
    query: QueryFluentBuilder,
    remaining: usize,
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
            position: Position::Start,
        }
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
        let limit = i32::try_from(self.remaining).map_err(Error::internal)?;
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

    /// The key of the last item that was read, unless it was the last of the query.
    pub fn last_read_key(self) -> Option<Item> {
        match self.position {
            Position::After(key) => Some(key),
            Position::Start | Position::End => None,
        }
    }
}

impl Store {
    /// Visits all items of a table. For operators: no endpoint scans.
    pub(in crate::store) async fn scan(
        &self,
        table: &str,
        mut visit: impl FnMut(Item) -> Result<()>,
    ) -> Result<()> {
        let mut start = None;
        loop {
            let scan = self
                .db
                .scan()
                .table_name(table)
                .set_exclusive_start_key(start);
            let page = scan.consistent_read(true).send().await?;
            page.items
                .unwrap_or_default()
                .into_iter()
                .try_for_each(&mut visit)?;
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }
}
