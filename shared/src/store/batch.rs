//! Many items by key, over several tables, in few round trips: to get or to delete.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{DeleteRequest, KeysAndAttributes, WriteRequest};
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt};
use serde::de::DeserializeOwned;

use super::failure::Backoff;
use super::{Item, Store, read};
use crate::error::{Error, Result};

/// The most keys that DynamoDB takes in one call.
const MAX_KEYS: usize = 100;

/// The most writes that it takes in one call.
const MAX_WRITES: usize = 25;

/// How many calls are under way at once, so that a function needs few connections.
const AT_ONCE: usize = 16;

/// Keys to get; each at most once.
#[derive(Default)]
pub(super) struct Batch {
    keys: Vec<(String, Item)>,
}

/// The items that exist, by table, in no order.
#[derive(Default)]
pub(super) struct Found {
    items: HashMap<String, Vec<Item>>,
}

impl Batch {
    pub(super) fn with(mut self, table: &str, keys: impl IntoIterator<Item = Item>) -> Self {
        self.keys
            .extend(keys.into_iter().map(|key| (table.to_owned(), key)));
        self
    }

    /// Gets them all: a hundred a call, the calls in parallel, until DynamoDB has processed each key.
    pub(super) async fn get(self, db: &Client) -> Result<Found> {
        let mut found = Found::default();
        for part in try_join_all(self.keys.chunks(MAX_KEYS).map(|keys| get(db, keys))).await? {
            for (table, items) in part.items {
                found.items.entry(table).or_default().extend(items);
            }
        }
        Ok(found)
    }
}

impl Found {
    /// Takes out the items of a table.
    pub(super) fn take<T: DeserializeOwned>(&mut self, table: &str) -> Result<Vec<T>> {
        self.take_items(table).into_iter().map(read).collect()
    }

    /// Takes out the items of a table, as they are.
    pub(super) fn take_items(&mut self, table: &str) -> Vec<Item> {
        self.items.remove(table).unwrap_or_default()
    }
}

impl Store {
    /// Deletes these items, whether they are there or not: 25 a call, some calls in parallel.
    pub(super) async fn delete_all(&self, keys: Vec<(&str, Item)>) -> Result<()> {
        let calls = keys.chunks(MAX_WRITES).map(|keys| delete(&self.db, keys));
        all(calls.collect()).await.map(drop)
    }
}

/// Makes all calls, some at once, and tells their results in their order, or the first failure. None waits
/// for a slow one before it.
pub(super) async fn all<T>(calls: Vec<impl Future<Output = Result<T>>>) -> Result<Vec<T>> {
    let calls = calls.into_iter().enumerate();
    let calls = calls.map(|(number, call)| async move { (number, call.await) });
    let mut results: Vec<_> = stream::iter(calls)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

async fn delete(db: &Client, keys: &[(&str, Item)]) -> Result<()> {
    let mut backoff = Backoff::default();
    let mut wanted: HashMap<_, Vec<_>> = HashMap::new();
    for (table, key) in keys {
        let delete = DeleteRequest::builder().set_key(Some(key.clone()));
        let delete = delete.build().map_err(Error::internal)?;
        let request = WriteRequest::builder().delete_request(delete).build();
        wanted.entry((*table).to_owned()).or_default().push(request);
    }
    loop {
        let request = db.batch_write_item().set_request_items(Some(wanted));
        wanted = request.send().await?.unprocessed_items.unwrap_or_default();
        if wanted.is_empty() {
            return Ok(());
        }
        backoff
            .wait("DynamoDB left deletes of a batch unprocessed")
            .await?;
    }
}

async fn get(db: &Client, keys: &[(String, Item)]) -> Result<Found> {
    let mut found = Found::default();
    let mut backoff = Backoff::default();
    let mut wanted = by_table(keys)?;
    loop {
        let output = db
            .batch_get_item()
            .set_request_items(Some(wanted))
            .send()
            .await?;
        for (table, items) in output.responses.unwrap_or_default() {
            found.items.entry(table).or_default().extend(items);
        }
        wanted = output.unprocessed_keys.unwrap_or_default();
        if wanted.is_empty() {
            return Ok(found);
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
    let strongly = |keys| {
        KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .build()
    };
    tables
        .into_iter()
        .map(|(table, keys)| Ok((table, strongly(keys).map_err(Error::internal)?)))
        .collect()
}
