//! Invokes functions with the changes of a table, as Lambda does: with those that pass the filter, in batches, in their
//! order, and again until they succeed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use dynoxide::Database;
use lambda_http::Context;
use lambda_http::lambda_runtime::LambdaEvent;
use rusqlite::Connection;
use serde_json::{Value, json};
use shared::Store;
use shared::stream::Event;
use uuid::Uuid;

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

/// How far the stream of each table has been handled: the sequence number of the last record.
#[derive(Default)]
pub struct Positions {
    handled: Mutex<BTreeMap<String, String>>,
    /// Where they are kept, beside the data file.
    file: Option<PathBuf>,
}

impl Trigger {
    /// Invokes the function until it has handled all changes.
    ///
    /// # Errors
    ///
    /// If it fails. The next call repeats the records from the first one that failed.
    pub async fn handle_changes(&self, engine: &Engine) -> Result<(), Error> {
        let table = &self.stream.table;
        loop {
            let position = engine.positions().get(table);
            let records = records_after(engine.database(), table, position.as_deref())?;
            let Some(last) = records.last().map(sequence_number) else {
                return Ok(());
            };
            let passing = records.iter().filter(|record| self.stream.passes(record));
            let passing: Vec<_> = passing.collect();
            let mut failed = None;
            if !passing.is_empty() {
                let event = invocation(&passing, Uuid::new_v4().to_string())?;
                let outcome = (self.handler)(self.store.clone(), event).await;
                failed = outcome.first_failure().map(str::to_owned);
            }
            let Some(failed) = failed else {
                engine.positions().set(table, last)?;
                continue;
            };
            let handled = records.iter().map(sequence_number);
            let handled = handled.take_while(|number| *number != failed).last();
            if let Some(handled) = handled {
                engine.positions().set(table, handled)?;
            }
            return Err(format!("a function failed with changes of {table}").into());
        }
    }
}

/// What Lambda passes to a function: some records of a stream.
///
/// # Errors
///
/// If a record is not one of a table of ours.
pub fn invocation(records: &[&Value], request_id: String) -> Result<LambdaEvent<Event>, Error> {
    let event = serde_json::from_value(json!({ "Records": records }))?;
    let mut context = Context::default();
    context.request_id = request_id;
    Ok(LambdaEvent::new(event, context))
}

/// The sequence number of a record.
#[must_use]
pub fn sequence_number(record: &Value) -> String {
    let number = &record["dynamodb"]["SequenceNumber"];
    number.as_str().unwrap_or_default().to_owned()
}

/// The next records of a table's stream, which has one shard here, as Lambda passes them.
///
/// # Errors
///
/// If the table has no stream.
pub fn records_after(
    database: &Database,
    table: &str,
    position: Option<&str>,
) -> Result<Vec<Value>, Error> {
    let request = serde_json::from_value(json!({ "TableName": table }))?;
    let described = serde_json::to_value(database.describe_table(request)?)?;
    let arn = described["Table"]["LatestStreamArn"].as_str();
    let arn = arn.ok_or_else(|| format!("{table} has no stream"))?;
    let mut request = json!({ "StreamArn": arn, "ShardId": shard(table) });
    match position {
        None => request["ShardIteratorType"] = json!("TRIM_HORIZON"),
        Some(number) => {
            request["ShardIteratorType"] = json!("AFTER_SEQUENCE_NUMBER");
            request["SequenceNumber"] = json!(number);
        }
    }
    let iterator = database.get_shard_iterator(serde_json::from_value::<_>(request)?)?;
    let request = json!({ "ShardIterator": iterator.shard_iterator, "Limit": MAX_BATCH });
    let records = database
        .get_records(serde_json::from_value(request)?)?
        .records;
    let records = records.iter().map(serde_json::to_value);
    Ok(records.collect::<Result<_, _>>()?)
}

/// The engine's name of a stream's only shard. Asking for it reads all records.
fn shard(table: &str) -> String {
    format!("shardId-00000001-{table}")
}

impl Positions {
    /// Those that are kept beside a data file.
    pub fn beside(data: &Path) -> Result<Self, Error> {
        let mut name = data.as_os_str().to_owned();
        name.push(".streams");
        let file = PathBuf::from(name);
        let handled = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(_) => BTreeMap::new(),
        };
        Ok(Self {
            handled: Mutex::new(handled),
            file: Some(file),
        })
    }

    /// The sequence number of the last record of a table's stream that has been handled.
    pub fn get(&self, table: &str) -> Option<String> {
        let handled = self.handled.lock().unwrap_or_else(PoisonError::into_inner);
        handled.get(table).cloned()
    }

    /// If the process ends before this is written, the records are handled again.
    pub fn set(&self, table: &str, number: String) -> Result<(), Error> {
        let mut handled = self.handled.lock().unwrap_or_else(PoisonError::into_inner);
        handled.insert(table.to_owned(), number);
        if let Some(file) = &self.file {
            let mut new = file.clone().into_os_string();
            new.push(".new");
            fs::write(&new, serde_json::to_vec(&*handled)?)?;
            fs::rename(&new, file)?;
        }
        Ok(())
    }

    /// Makes streams fast however many records they have had: the engine looks for the last record of a table with every
    /// write, and has no index for that. Deletes the records that have been handled, before the engine is in use.
    pub fn prepare(&self, data: &str) -> Result<(), Error> {
        let connection = Connection::open(data)?;
        connection.execute_batch(
            "CREATE INDEX IF NOT EXISTS stream_records_by_number \
             ON _stream_records (table_name, CAST(sequence_number AS INTEGER))",
        )?;
        let handled = self.handled.lock().unwrap_or_else(PoisonError::into_inner);
        for (table, number) in &*handled {
            // The engine adds this to the numbers that it stores.
            const OFFSET: u128 = 100_000_000_000_000_000_000;
            let stored = number.parse::<u128>()?.saturating_sub(OFFSET);
            connection.execute(
                "DELETE FROM _stream_records \
                 WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) <= ?2",
                (table, i64::try_from(stored)?),
            )?;
        }
        Ok(())
    }
}
