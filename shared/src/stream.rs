//! The edge of functions that a table's stream invokes: from an event to store calls.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html>

use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::join_all;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::service_fn;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, chain};
use crate::id::AttachmentId;
use crate::log::{self, Meter};
use crate::store::{Files, Store};
use crate::time::Micros;

/// How many records are handled at once.
const MAX_CONCURRENT: usize = 16;

/// What Lambda passes: some records of a stream of attachments, with their keys only.
#[derive(Debug, Deserialize)]
pub struct Event {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
struct Record {
    #[serde(rename = "eventName")]
    event_name: String,
    dynamodb: Change,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    keys: Keys,
    sequence_number: String,
}

#[derive(Debug, Deserialize)]
struct Keys {
    conversation_id: Text,
    created_at: Number,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Text {
    s: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Number {
    n: String,
}

/// What the function returns: the records that failed. Lambda repeats the first of them, and all records after it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl Outcome {
    /// Whether all records were handled.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.batch_item_failures.is_empty()
    }
}

impl Change {
    fn attachment(&self) -> Result<AttachmentId> {
        let Keys {
            conversation_id,
            created_at,
        } = &self.keys;
        let conversation = conversation_id.s.parse().map_err(Error::internal)?;
        let created_at = created_at.n.parse().map_err(Error::internal)?;
        Ok(AttachmentId::new(Micros(created_at), conversation))
    }
}

/// Runs `handle` as the Lambda function `operation`, for each attachment that is removed from the table.
///
/// # Errors
///
/// The environment lacks a variable that [`Store::from_env`] or [`Files::from_env`] needs, or the Lambda runtime
/// fails.
pub async fn serve_removals<H, F>(
    operation: &'static str,
    handle: H,
) -> Result<(), lambda_http::Error>
where
    H: Fn(Store, AttachmentId) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    log::init();
    let (store, _) = Store::from_env()?;
    let store = store.with_files(Files::from_env()?);
    let service = service_fn(move |event: LambdaEvent<Event>| {
        let removals = respond_to_removals(operation, store.clone(), event.payload, handle);
        removals.map(Ok::<_, lambda_http::Error>).boxed()
    });
    lambda_runtime::run(service).await
}

/// Runs `handle` for each removal of an event, and writes its log line.
pub async fn respond_to_removals<H, F>(
    operation: &'static str,
    store: Store,
    event: Event,
    handle: H,
) -> Outcome
where
    H: Fn(Store, AttachmentId) -> F + Copy,
    F: Future<Output = Result<()>>,
{
    let started = Instant::now();
    let meter = Meter::start();
    let mut outcome = Outcome::default();
    let mut errors = Vec::new();
    // The event source passes only removals, but a function cannot rely on a filter.
    let removals = event.records.into_iter();
    let removals: Vec<_> = removals
        .filter(|record| record.event_name == "REMOVE")
        .map(|record| record.dynamodb)
        .collect();
    for changes in removals.chunks(MAX_CONCURRENT) {
        let handled = changes
            .iter()
            .map(async |change| handle(store.clone(), change.attachment()?).await);
        let handled = meter.measure(join_all(handled)).await;
        for (change, handled) in changes.iter().zip(handled) {
            if let Err(error) = handled {
                errors.push(chain(&error));
                outcome.batch_item_failures.push(Failure {
                    item_identifier: change.sequence_number.clone(),
                });
            }
        }
    }
    log::removals(operation, removals.len(), &errors, started.elapsed());
    outcome
}
