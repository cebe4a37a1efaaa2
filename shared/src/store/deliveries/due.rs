use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::error::Result;
use crate::id::WebhookId;
use crate::store::Store;
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::dynamodb::item::{from_item, number_attr, string_attr};
use crate::store::dynamodb::query::query_items;
use crate::store::items::delivery::{DUE, DeliveryKey, shards};
use crate::time::Seconds;
use crate::webhook::DeliveryId;

/// The most deliveries of a partition of the index that one look finds: about 1 MB of keys.
const MAX_DUE: usize = 10_000;

/// How many deliveries to a webhook are attempted at once.
const AT_ONCE: usize = 20;

/// After this time no more attempts begin. One takes 15 seconds at most, and the function is ended after a minute.
const MAX_DURATION: Duration = Duration::from_secs(35);

/// What the function that delivers is invoked for.
#[derive(Debug)]
pub enum Task {
    /// For deliveries that have just been put.
    New(Vec<(WebhookId, DeliveryId)>),
    /// For those that are due.
    Due,
}

impl Store {
    /// Attempts the deliveries of a task.
    ///
    /// For each webhook, up to 20 at once. When the receiver of one does not respond, its others are left for later.
    pub async fn deliver(&self, task: Task) -> Result<()> {
        let keys = match task {
            Task::New(keys) => keys
                .into_iter()
                .map(|(webhook_id, id)| DeliveryKey { webhook_id, id })
                .collect(),
            Task::Due => self.due_deliveries().await?,
        };
        let mut by_webhook = BTreeMap::<_, Vec<_>>::new();
        for key in keys {
            by_webhook.entry(key.webhook_id).or_default().push(key);
        }
        let started = Instant::now();
        let delivered = by_webhook.into_values().map(async |keys| {
            for keys in keys.chunks(AT_ONCE) {
                let goes_on = self.attempt_deliveries(keys).await?;
                if !goes_on || started.elapsed() > MAX_DURATION {
                    break;
                }
            }
            Ok(())
        });
        join_all(delivered).await.into_iter().collect()
    }

    /// The deliveries that are due, the oldest first. One round trip.
    async fn due_deliveries(&self) -> Result<Vec<DeliveryKey>> {
        let now = Seconds::from(self.clock.now());
        let queries = shards().map(async |shard| {
            let query = self
                .db
                .query()
                .table_name(&self.tables.deliveries)
                .index_name(DUE)
                .key_condition_expression("retry_shard = :shard AND due_at <= :now")
                .expression_attribute_values(":shard", string_attr(shard))
                .expression_attribute_values(":now", number_attr(now.0));
            query_items(query, MAX_DUE).await
        });
        let due = join_bounded(queries.collect()).await?.into_iter().flatten();
        due.map(from_item).collect()
    }
}
