//! Invokes functions with the changes of a table, as Lambda does: with those that pass the filter, in batches, in their
//! order, and again until they succeed.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use shared::Store;

use crate::Error;
use crate::engine::Engine;
use crate::functions::StreamHandler;
use crate::template::Stream;

/// The largest batch.
const MAX_BATCH: usize = 100;

/// A function that the stream of a table invokes.
pub struct Trigger {
    /// The stream.
    pub stream: Stream,
    /// The handler of the function.
    pub handler: StreamHandler,
    /// A store with the permissions of the function.
    pub store: Store,
}

/// How far the stream of each table has been handled.
#[derive(Default)]
pub struct Positions(Mutex<Vec<(String, String)>>);

impl Trigger {
    /// Invokes the function until it has handled all changes.
    ///
    /// # Errors
    ///
    /// If it fails. The next call repeats the batch.
    pub async fn handle_changes(&self, engine: &Engine) -> Result<(), Error> {
        let Stream { table, event_names } = &self.stream;
        loop {
            let iterator = match engine.positions().get(table) {
                Some(iterator) => iterator,
                None => first_position(engine, table)?,
            };
            let request = json!({ "ShardIterator": iterator, "Limit": MAX_BATCH });
            let records = engine
                .database()
                .get_records(serde_json::from_value(request)?)?;
            if records.records.is_empty() {
                return Ok(());
            }
            let passing = records.records.iter();
            let passing = passing.filter(|record| event_names.contains(&record.event_name));
            let passing: Vec<_> = passing
                .map(serde_json::to_value)
                .collect::<Result<_, _>>()?;
            if !passing.is_empty() {
                let event = serde_json::from_value(json!({ "Records": passing }))?;
                let outcome = (self.handler)(self.store.clone(), event).await;
                if !outcome.is_success() {
                    return Err(format!("a function failed with changes of {table}").into());
                }
            }
            if let Some(next) = records.next_shard_iterator {
                engine.positions().set(table, next);
            }
        }
    }
}

/// The beginning of a table's stream, which has one shard here.
fn first_position(engine: &Engine, table: &str) -> Result<String, Error> {
    let database = engine.database();
    let request = serde_json::from_value(json!({ "TableName": table }))?;
    let described = serde_json::to_value(database.describe_table(request)?)?;
    let arn = &described["Table"]["LatestStreamArn"];
    let request = serde_json::from_value(json!({ "StreamArn": arn }))?;
    let stream = database.describe_stream(request)?.stream_description;
    let shard = stream.shards.first().map(|shard| &shard.shard_id);
    let request = json!({
        "StreamArn": arn,
        "ShardId": shard,
        "ShardIteratorType": "TRIM_HORIZON",
    });
    let iterator = database.get_shard_iterator(serde_json::from_value::<_>(request)?)?;
    let missing = || format!("{table} has no stream: {}", Value::from(table));
    Ok(iterator.shard_iterator.ok_or_else(missing)?)
}

impl Positions {
    fn get(&self, table: &str) -> Option<String> {
        let positions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut positions = positions.iter();
        let (_, iterator) = positions.find(|(of, _)| of == table)?;
        Some(iterator.clone())
    }

    fn set(&self, table: &str, iterator: String) {
        let mut positions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        positions.retain(|(of, _)| of != table);
        positions.push((table.to_owned(), iterator));
    }
}
