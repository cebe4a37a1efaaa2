//! The edge of functions that a table's stream invokes: from an event to store calls.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html>

use std::str::FromStr;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::service_fn;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, chain};
use crate::id::{AttachmentId, MessageId};
use crate::log::{self, Meter};
use crate::store::{
    Change, Changed, ConversationChange, Files, LastChange, Sockets, Store, Unpublished,
};
use crate::time::{Micros, Seconds};
use crate::webhook::Origin;

/// How many removals are handled at once.
const MAX_CONCURRENT: usize = 16;

/// What Lambda passes: some records of the stream of a table.
#[derive(Debug, Deserialize)]
pub struct Event {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
struct Record {
    #[serde(rename = "eventName")]
    event_name: String,
    dynamodb: StreamRecord,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamRecord {
    /// In seconds since 1970. A record without it is handled like any other.
    #[serde(default)]
    approximate_creation_date_time: f64,
    keys: Keys,
    /// The item before and after the change, if the stream has it.
    old_image: Option<serde_dynamo::Item>,
    new_image: Option<serde_dynamo::Item>,
    sequence_number: String,
}

/// The key of an item, which tells its table.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Keys {
    /// Of a message or an attachment.
    InConversation {
        conversation_id: Text,
        created_at: Number,
    },
    OfMembership {
        contact_id: Text,
        conversation_id: Text,
    },
    OfConversation {
        id: Text,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Text {
    pub s: String,
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
    /// The sequence number of the first record that failed.
    #[must_use]
    pub fn first_failure(&self) -> Option<&str> {
        let first = self.batch_item_failures.first()?;
        Some(&first.item_identifier)
    }
}

impl Record {
    fn attachment(&self) -> Result<AttachmentId> {
        match &self.dynamodb.keys {
            Keys::InConversation {
                conversation_id,
                created_at,
            } => Ok(AttachmentId::new(
                created_at.parse()?,
                conversation_id.parse()?,
            )),
            keys => Err(Error::internal(NotAnAttachment(format!("{keys:?}")))),
        }
    }

    /// What has changed; none if it is of no interest to participants.
    fn change(&mut self) -> Result<Option<Change>> {
        let StreamRecord {
            approximate_creation_date_time,
            keys,
            old_image,
            new_image,
            sequence_number,
        } = &mut self.dynamodb;
        let changed_at = Duration::try_from_secs_f64(*approximate_creation_date_time);
        let changed_at = Seconds(changed_at.map_err(Error::internal)?.as_secs());
        let changed = match keys {
            Keys::InConversation {
                conversation_id,
                created_at,
            } => Changed::Message {
                id: MessageId::new(created_at.parse()?, conversation_id.parse()?),
                is_new: self.event_name == "INSERT",
            },
            Keys::OfMembership {
                contact_id,
                conversation_id,
            } => {
                let Some(last_change) = last_change(new_image.take())? else {
                    return Ok(None);
                };
                Changed::Membership {
                    contact: contact_id.parse()?,
                    conversation: conversation_id.parse()?,
                    is_new: last_change == LastChange::Joined,
                }
            }
            // The item of a pair.
            Keys::OfConversation { id } if id.s.starts_with('@') => return Ok(None),
            Keys::OfConversation { id } => {
                let (before, after) = (old_image.take(), new_image.take());
                let change = ConversationChange::new(id.parse()?, before, after)?;
                Changed::Conversation(Box::new(change))
            }
        };
        Ok(Some(Change {
            origin: Origin::new(changed_at, sequence_number),
            changed,
        }))
    }
}

/// What the participant has changed last; none if a message has moved the membership since then.
fn last_change(image: Option<serde_dynamo::Item>) -> Result<Option<LastChange>> {
    #[derive(Deserialize)]
    struct Image {
        last_change: Option<LastChange>,
    }
    let image = image.map(serde_dynamo::from_item::<_, Image>).transpose();
    Ok(image
        .map_err(Error::internal)?
        .and_then(|image| image.last_change))
}

impl Text {
    fn parse<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(&self) -> Result<T> {
        self.s.parse().map_err(Error::internal)
    }
}

impl Number {
    fn parse(&self) -> Result<Micros> {
        self.n.parse().map(Micros).map_err(Error::internal)
    }
}

/// The stream is that of another table.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not the key of an attachment")]
struct NotAnAttachment(String);

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
        let removals = respond_to_removals(operation, store.clone(), event, handle);
        removals.map(Ok::<_, lambda_http::Error>).boxed()
    });
    lambda_runtime::run(service).await
}

/// Runs `handle` as the Lambda function `operation`, for the changes in each event.
///
/// # Errors
///
/// The environment lacks a variable that [`Store::from_env`] or [`Sockets::from_env`] needs, or the Lambda runtime
/// fails.
pub async fn serve_changes<H, F>(
    operation: &'static str,
    handle: H,
) -> Result<(), lambda_http::Error>
where
    H: Fn(Store, Vec<Change>) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = Result<(), Unpublished>> + Send + 'static,
{
    log::init();
    let (store, _) = Store::from_env()?;
    let store = store.with_sockets(Sockets::from_env()?);
    let service = service_fn(move |event: LambdaEvent<Event>| {
        let changes = respond_to_changes(operation, store.clone(), event, handle);
        changes.map(Ok::<_, lambda_http::Error>).boxed()
    });
    lambda_runtime::run(service).await
}

/// Runs `handle` for each removal of an event, and writes its log line.
pub async fn respond_to_removals<H, F>(
    operation: &'static str,
    store: Store,
    event: LambdaEvent<Event>,
    handle: H,
) -> Outcome
where
    H: Fn(Store, AttachmentId) -> F + Copy,
    F: Future<Output = Result<()>>,
{
    // The event source passes only removals, but a function cannot rely on a filter.
    let batch = Batch::start(operation, event.context.request_id);
    let mut removals = event.payload.records;
    removals.retain(|record| record.event_name == "REMOVE");
    let mut outcomes = Vec::new();
    for records in removals.chunks(MAX_CONCURRENT) {
        let handled = records
            .iter()
            .map(async |record| handle(store.clone(), record.attachment()?).await);
        let handled = batch.meter.measure(join_all(handled)).await.into_iter();
        outcomes.extend(handled.map(|handled| handled.err().map(|error| chain(&error))));
    }
    batch.end(&removals, outcomes)
}

/// Runs `handle` for the changes of an event, and writes its log line.
pub async fn respond_to_changes<H, F>(
    operation: &'static str,
    store: Store,
    event: LambdaEvent<Event>,
    handle: H,
) -> Outcome
where
    H: Fn(Store, Vec<Change>) -> F,
    F: Future<Output = Result<(), Unpublished>>,
{
    let batch = Batch::start(operation, event.context.request_id);
    let (mut records, mut changes) = (Vec::new(), Vec::new());
    for mut record in event.payload.records {
        match record.change() {
            Ok(Some(change)) => {
                records.push(record);
                changes.push(change);
            }
            Ok(None) => {}
            // No endpoint returns such an item. A retry would only block the records after it.
            Err(error) => {
                let error = chain(&error);
                let request_id = &batch.request_id;
                tracing::error!(
                    request_id,
                    operation,
                    error,
                    "skipped a record of a stream that cannot be read"
                );
            }
        }
    }
    let handled = Box::pin(handle(store, changes.clone()));
    let handled = batch.meter.measure(handled).await;
    let outcomes = changes.iter().map(|change| match &handled {
        Err(failed) if failed.conversations.contains(&change.conversation()) => {
            Some(chain(&failed.error))
        }
        _ => None,
    });
    batch.end(&records, outcomes.collect())
}

/// A batch of records that is being handled.
struct Batch {
    operation: &'static str,
    request_id: String,
    meter: Meter,
}

impl Batch {
    fn start(operation: &'static str, request_id: String) -> Self {
        Self {
            operation,
            request_id,
            meter: Meter::start(),
        }
    }

    /// Writes the log line of the records with the error of each that failed.
    fn end(self, records: &[Record], errors: Vec<Option<String>>) -> Outcome {
        let mut outcome = Outcome::default();
        let mut first_error = None;
        for (record, error) in records.iter().zip(errors) {
            if let Some(error) = error {
                first_error.get_or_insert(error);
                outcome.batch_item_failures.push(Failure {
                    item_identifier: record.dynamodb.sequence_number.clone(),
                });
            }
        }
        log::Records {
            request_id: &self.request_id,
            operation: self.operation,
            count: records.len(),
            failed: outcome.batch_item_failures.len(),
            error: first_error,
        }
        .write(&self.meter);
        outcome
    }
}
