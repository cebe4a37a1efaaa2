//! Invokes the function that delivers webhooks, as Lambda does: with new deliveries, and with an event of its schedule.

use lambda_http::Context;
use lambda_http::lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use shared::Store;
use uuid::Uuid;

use crate::Error;
use crate::engine::Engine;
use crate::functions::DeliveryHandler;
use crate::streams::{records_after, sequence_number};
use crate::template::Stream;

/// The function, and the stream of deliveries.
pub struct Deliverer {
    /// The stream.
    pub stream: Stream,
    /// The handler of the function.
    pub handler: DeliveryHandler,
    /// A store with the permissions of the function.
    pub store: Store,
}

impl Deliverer {
    /// Invokes the function until it has got all new deliveries. What fails is not repeated: it is due later.
    ///
    /// # Errors
    ///
    /// If the function fails.
    pub async fn deliver_new(&self, engine: &Engine) -> Result<(), Error> {
        let table = &self.stream.table;
        loop {
            let position = engine.positions().get(table);
            let records = records_after(engine.database(), table, position.as_deref())?;
            let Some(last) = records.last().map(sequence_number) else {
                return Ok(());
            };
            engine.positions().set(table, last)?;
            let passing = records.iter().filter(|record| self.stream.passes(record));
            let passing: Vec<_> = passing.collect();
            if !passing.is_empty() {
                self.invoke(json!({ "Records": passing })).await?;
            }
        }
    }

    /// Invokes the function as its schedule does.
    ///
    /// # Errors
    ///
    /// If the function fails.
    pub async fn deliver_due(&self) -> Result<(), Error> {
        self.invoke(json!({ "source": "aws.events", "detail-type": "Scheduled Event" }))
            .await
    }

    async fn invoke(&self, event: Value) -> Result<(), Error> {
        let mut context = Context::default();
        context.request_id = Uuid::new_v4().to_string();
        let event = LambdaEvent::new(serde_json::from_value(event)?, context);
        Ok((self.handler)(self.store.clone(), event).await?)
    }
}
