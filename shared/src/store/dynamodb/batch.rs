//! Many items by key, across tables: `BatchGetItem` and `BatchWriteItem`.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{DeleteRequest, KeysAndAttributes, WriteRequest};
use futures_util::future::try_join_all;
use serde::de::DeserializeOwned;

use super::concurrency::join_bounded;
use super::item::{Item, from_item};
use super::retry::Backoff;
use crate::error::{Error, Result};

/// The most keys in one `BatchGetItem`.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const MAX_KEYS: usize = 100;

/// The most writes in one `BatchWriteItem`.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
const MAX_WRITES: usize = 25;

/// Keys to get. No key may be in it twice.
#[derive(Default)]
pub struct BatchGet {
    keys: Vec<(String, Item)>,
}

/// The items that exist, by table, in no particular order.
#[derive(Default)]
pub struct BatchItems {
    items: HashMap<String, Vec<Item>>,
}

impl BatchGet {
    pub fn keys(mut self, table: &str, keys: impl IntoIterator<Item = Item>) -> Self {
        self.keys
            .extend(keys.into_iter().map(|key| (table.to_owned(), key)));
        self
    }

    /// Gets all items with strong consistency: 100 keys a call, the calls in parallel, and unprocessed
    /// keys again.
    pub async fn send(self, db: &Client) -> Result<BatchItems> {
        let mut all = BatchItems::default();
        let calls = self.keys.chunks(MAX_KEYS).map(|keys| get(db, keys));
        for part in try_join_all(calls).await? {
            for (table, items) in part.items {
                all.items.entry(table).or_default().extend(items);
            }
        }
        Ok(all)
    }
}

impl BatchItems {
    /// Removes and returns the items of a table.
    pub fn take<T: DeserializeOwned>(&mut self, table: &str) -> Result<Vec<T>> {
        self.take_items(table).into_iter().map(from_item).collect()
    }

    /// Removes and returns the item of a table with this key.
    pub fn take_item(&mut self, table: &str, key: &Item) -> Option<Item> {
        let items = self.items.get_mut(table)?;
        let has_key = |item: &Item| {
            key.iter()
                .all(|(name, value)| item.get(name) == Some(value))
        };
        let index = items.iter().position(has_key)?;
        Some(items.swap_remove(index))
    }

    /// Removes and returns the items of a table without reading them.
    pub fn take_items(&mut self, table: &str) -> Vec<Item> {
        self.items.remove(table).unwrap_or_default()
    }
}

/// Deletes these items, whether they exist or not: 25 a call, up to 16 calls in parallel.
pub async fn delete_all(db: &Client, keys: Vec<(&str, Item)>) -> Result<()> {
    let calls = keys.chunks(MAX_WRITES).map(|keys| delete(db, keys));
    join_bounded(calls.collect()).await.map(drop)
}

async fn delete(db: &Client, keys: &[(&str, Item)]) -> Result<()> {
    let mut backoff = Backoff::default();
    let mut remaining: HashMap<_, Vec<_>> = HashMap::new();
    for (table, key) in keys {
        let delete = DeleteRequest::builder().set_key(Some(key.clone()));
        let delete = delete.build().map_err(Error::internal)?;
        let request = WriteRequest::builder().delete_request(delete).build();
        remaining
            .entry((*table).to_owned())
            .or_default()
            .push(request);
    }
    loop {
        let request = db.batch_write_item().set_request_items(Some(remaining));
        remaining = request.send().await?.unprocessed_items.unwrap_or_default();
        if remaining.is_empty() {
            return Ok(());
        }
        backoff
            .wait("DynamoDB left writes of a batch unprocessed")
            .await?;
    }
}

async fn get(db: &Client, keys: &[(String, Item)]) -> Result<BatchItems> {
    let mut all = BatchItems::default();
    let mut backoff = Backoff::default();
    let mut remaining = by_table(keys)?;
    loop {
        let output = db
            .batch_get_item()
            .set_request_items(Some(remaining))
            .send()
            .await?;
        for (table, items) in output.responses.unwrap_or_default() {
            all.items.entry(table).or_default().extend(items);
        }
        remaining = output.unprocessed_keys.unwrap_or_default();
        if remaining.is_empty() {
            return Ok(all);
        }
        backoff
            .wait("DynamoDB left keys of a batch unprocessed")
            .await?;
    }
}

fn by_table(keys: &[(String, Item)]) -> Result<HashMap<String, KeysAndAttributes>> {
    let mut tables: HashMap<_, Vec<_>> = HashMap::new();
    for (table, key) in keys {
        tables.entry(table.clone()).or_default().push(key.clone());
    }
    let consistent = |keys| {
        KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .build()
    };
    tables
        .into_iter()
        .map(|(table, keys)| Ok((table, consistent(keys).map_err(Error::internal)?)))
        .collect()
}
