use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};

use crate::error::Result;
use crate::id::WebhookId;
use crate::store::Store;
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::dynamodb::item::{from_item, number_attr, string_attr};
use crate::store::dynamodb::query::query_items;
use crate::store::items::delivery::{DUE_INDEX, DeliveryKey, shards};
use crate::time::Seconds;
use crate::webhook::DeliveryId;

/// The most deliveries of a partition of the index that one look finds: about 1 MB of keys.
const MAX_DUE: usize = 10_000;

/// How many deliveries to a webhook are attempted at once.
const MAX_CONCURRENT_PER_WEBHOOK: usize = 20;

/// To how many webhooks deliveries are attempted at once: with the above, 320 connections of the thousand files that Lambda
/// allows.
const MAX_CONCURRENT_WEBHOOKS: usize = 16;

/// What the function that delivers is invoked for.
#[derive(Debug)]
pub enum Task {
    /// For deliveries that have just been put.
    New(Vec<(WebhookId, DeliveryId)>),
    /// For those that are due.
    Due,
}

impl Task {
    /// After this time no more attempts begin. One takes 15 seconds at most, and the function is ended after a minute. What
    /// is new blocks other records of the stream, and is due in a minute.
    fn max_duration(&self) -> Duration {
        match self {
            Self::New(_) => Duration::from_secs(5),
            Self::Due => Duration::from_secs(35),
        }
    }
}

impl Store {
    /// Attempts the deliveries of a task.
    ///
    /// For each webhook, up to 20 at once. When the receiver of one does not respond, or is busy, its others are left for
    /// later. New ones are also left if earlier ones have failed.
    pub async fn deliver(&self, task: Task) -> Result<()> {
        let max_duration = task.max_duration();
        let are_new = matches!(task, Task::New(_));
        let keys = match task {
            Task::New(keys) => keys
                .into_iter()
                .map(|(webhook_id, id)| DeliveryKey { webhook_id, id })
                .collect(),
            Task::Due => self.due_deliveries().await?,
        };
        let mut by_webhook = BTreeMap::<_, BTreeSet<_>>::new();
        for key in keys {
            by_webhook.entry(key.webhook_id).or_default().insert(key);
        }
        let started = Instant::now();
        let mut webhooks = Vec::new();
        for keys in by_webhook.into_values() {
            webhooks.push(async move {
                let keys: Vec<_> = keys.into_iter().collect();
                for keys in keys.chunks(MAX_CONCURRENT_PER_WEBHOOK) {
                    let is_over = started.elapsed() > max_duration;
                    if is_over || !self.attempt_deliveries(keys, are_new).await? {
                        break;
                    }
                }
                Ok(())
            });
        }
        let delivered = stream::iter(webhooks).buffer_unordered(MAX_CONCURRENT_WEBHOOKS);
        let delivered: Vec<_> = delivered.collect().await;
        delivered.into_iter().collect()
    }

    /// The deliveries that are due, the oldest first. One round trip.
    async fn due_deliveries(&self) -> Result<Vec<DeliveryKey>> {
        let now = Seconds::from(self.clock.now());
        let queries = shards().map(async |shard| {
            let query = self
                .db
                .query()
                .table_name(&self.tables.deliveries)
                .index_name(DUE_INDEX)
                .key_condition_expression("retry_shard = :shard AND due_at <= :now")
                .expression_attribute_values(":shard", string_attr(shard))
                .expression_attribute_values(":now", number_attr(now.0));
            query_items(query, MAX_DUE).await
        });
        let due = join_bounded(queries.collect()).await?.into_iter().flatten();
        due.map(from_item).collect()
    }
}
