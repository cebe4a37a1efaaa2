use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use serde::Deserialize;

use crate::error::Result;
use crate::id::WebhookId;
use crate::store::Store;
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::dynamodb::item::{from_item, number_attr, string_attr};
use crate::store::dynamodb::query::FilteredQuery;
use crate::store::items::delivery::{DUE_INDEX, DeliveryKey, shards};
use crate::time::Seconds;
use crate::webhook::DeliveryId;

/// The most deliveries of a partition of the index that one look examines: about 20 MB of keys.
const MAX_EXAMINED: usize = 200_000;

/// The most of them that it reads at once: about 1 MB.
const MAX_STEP: usize = 10_000;

/// The most deliveries to a webhook that one look finds in a partition of the index, so that many to a dead receiver do not
/// hide those to others.
const MAX_DUE_PER_WEBHOOK: usize = 2_500;

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
    /// For each webhook, up to 20 at once. When the receiver responds to none of them, or is busy, its others are left for
    /// later. New ones are also left if earlier ones have failed.
    pub async fn deliver(&self, task: Task) -> Result<()> {
        let max_duration = task.max_duration();
        let are_new = matches!(task, Task::New(_));
        let keys = match task {
            Task::New(keys) => {
                let keys = keys.into_iter().collect::<BTreeSet<_>>().into_iter();
                keys.map(|(webhook_id, id)| DeliveryKey { webhook_id, id })
                    .collect()
            }
            Task::Due => self.due_deliveries().await?,
        };
        let mut by_webhook = HashMap::<_, Vec<_>>::new();
        for key in keys {
            by_webhook.entry(key.webhook_id).or_default().push(key);
        }
        let mut by_webhook: Vec<_> = by_webhook.into_values().collect();
        // So that the same ones do not have to wait each time, if there is not enough time for all.
        fastrand::shuffle(&mut by_webhook);
        let started = Instant::now();
        let mut webhooks = Vec::new();
        for keys in by_webhook {
            webhooks.push(async move {
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

    /// The deliveries that are due, those first that are due for longest. One round trip, or one for each 10,000.
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
            due_in(FilteredQuery::new(query, MAX_EXAMINED).with_page_size(MAX_STEP)).await
        });
        let due = join_bounded(queries.collect()).await?;
        let mut due: Vec<_> = due.into_iter().flatten().collect();
        due.sort_by_key(|due| due.due_at);
        Ok(due.into_iter().map(IndexEntry::key).collect())
    }
}

/// An entry of the index.
#[derive(Deserialize)]
struct IndexEntry {
    webhook_id: WebhookId,
    id: DeliveryId,
    due_at: Seconds,
}

impl IndexEntry {
    fn key(self) -> DeliveryKey {
        DeliveryKey {
            webhook_id: self.webhook_id,
            id: self.id,
        }
    }
}

/// The deliveries in a partition of the index, without those to a webhook that has too many.
async fn due_in(mut query: FilteredQuery) -> Result<Vec<IndexEntry>> {
    let mut due = Vec::new();
    let mut counts = HashMap::<_, usize>::new();
    while let Some(page) = query.next_page().await? {
        for item in page.items {
            let one: IndexEntry = from_item(item)?;
            let count = counts.entry(one.webhook_id).or_default();
            *count += 1;
            if *count <= MAX_DUE_PER_WEBHOOK {
                due.push(one);
            }
        }
    }
    Ok(due)
}
