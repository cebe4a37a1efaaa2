//! The edge of the function that delivers webhooks: the stream of the table of deliveries invokes it, and so does a schedule.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html>

use futures_util::FutureExt;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::service_fn;
use serde::Deserialize;

use crate::error::{Error, Result, chain};
use crate::id::WebhookId;
use crate::log::{self, Meter};
use crate::store::{Store, Task};
use crate::stream::Text;
use crate::webhook::DeliveryId;

/// What Lambda passes: some records of the stream, or that it is time.
#[derive(Debug, Deserialize)]
pub struct Event {
    /// None if the schedule has sent the event.
    #[serde(rename = "Records")]
    records: Option<Vec<Record>>,
}

#[derive(Debug, Deserialize)]
struct Record {
    #[serde(rename = "eventName")]
    event_name: String,
    dynamodb: StreamRecord,
}

#[derive(Debug, Deserialize)]
struct StreamRecord {
    #[serde(rename = "Keys")]
    keys: Keys,
}

#[derive(Debug, Deserialize)]
struct Keys {
    webhook_id: Text,
    id: Text,
}

impl Event {
    fn task(self) -> Result<Task> {
        let Some(records) = self.records else {
            return Ok(Task::Due);
        };
        // The event source passes only insertions, but a function cannot rely on a filter.
        let inserted = records.into_iter();
        let inserted = inserted.filter(|record| record.event_name == "INSERT");
        let keys = inserted.map(|record| {
            let Keys { webhook_id, id } = record.dynamodb.keys;
            let webhook: WebhookId = webhook_id.s.parse().map_err(Error::internal)?;
            let id = DeliveryId::try_from(id.s).map_err(Error::internal)?;
            Ok((webhook, id))
        });
        Ok(Task::New(keys.collect::<Result<_>>()?))
    }
}

/// Runs `handle` as the Lambda function `operation`, for each event.
///
/// # Errors
///
/// The environment lacks a variable that [`Store::from_env`] needs, or the Lambda runtime fails.
pub async fn serve<H, F>(operation: &'static str, handle: H) -> Result<(), lambda_http::Error>
where
    H: Fn(Store, Task) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    log::init();
    let (store, _) = Store::from_env()?;
    let service = service_fn(move |event: LambdaEvent<Event>| {
        let responded = respond(operation, store.clone(), event, handle);
        responded
            .map(|done| done.map_err(lambda_http::Error::from))
            .boxed()
    });
    lambda_runtime::run(service).await
}

/// Runs `handle` for an event, and writes its log line.
///
/// # Errors
///
/// If DynamoDB is unavailable. What was not attempted is due within a minute.
pub async fn respond<H, F>(
    operation: &'static str,
    store: Store,
    event: LambdaEvent<Event>,
    handle: H,
) -> Result<()>
where
    H: Fn(Store, Task) -> F,
    F: Future<Output = Result<()>>,
{
    let meter = Meter::start();
    let request_id = event.context.request_id;
    let count = event.payload.records.as_ref().map_or(0, Vec::len);
    let handled = async { handle(store, event.payload.task()?).await };
    let handled = meter.measure(Box::pin(handled)).await;
    let error = handled.as_ref().err().map(|error| chain(error));
    log::Records {
        request_id: &request_id,
        operation,
        count,
        failed: usize::from(error.is_some()),
        error,
    }
    .write(&meter);
    handled
}
