use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::WebhookId;
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::dynamodb::item::{number_attr, string_attr, to_attribute};
use crate::store::dynamodb::update::Update;
use crate::store::items::delivery::{DeliveryItem, DeliveryKey, TTL, shard_of};
use crate::store::items::webhook::{self, WebhookItem};
use crate::time::Seconds;
use crate::webhook::{DeliveryIds, DeliveryStatus, Replay};

impl Store {
    /// Makes deliveries to a webhook of the caller due, as if they had not been attempted: the schedule finds them. Three
    /// round trips: token; webhook and deliveries; updates, up to 16 at once. One more for the operator: audit trail.
    ///
    /// # Errors
    ///
    /// [`Error::WebhooksDisabled`]; [`Error::WebhookNotFound`]; [`Error::WebhookNotEnabled`];
    /// [`Error::DeliveryNotFound`]: then no delivery is attempted again.
    pub async fn replay_deliveries(
        &self,
        caller: &Caller,
        webhook_id: WebhookId,
        ids: &DeliveryIds,
    ) -> Result<Replay> {
        let owner = self.authenticate_for_webhooks(caller).await?;
        self.check_has_webhooks()?;
        let keys = ids.as_set().iter().map(|id| DeliveryKey {
            webhook_id,
            id: id.clone(),
        });
        let keys: Vec<_> = keys.collect();
        let batch = BatchGet::default()
            .keys(&self.tables.webhooks, [webhook::key(owner, webhook_id)])
            .keys(&self.tables.deliveries, keys.iter().map(DeliveryKey::item));
        let mut items = batch.send(&self.db).await?;
        let webhook: Option<WebhookItem> = items.take(&self.tables.webhooks)?.pop();
        webhook.ok_or(Error::WebhookNotFound)?.check_is_enabled()?;
        let deliveries: Vec<DeliveryItem> = items.take(&self.tables.deliveries)?;
        let found = |key: &DeliveryKey| deliveries.iter().any(|delivery| delivery.id == key.id);
        if let Some(unknown) = keys.iter().find(|key| !found(key)) {
            let id = unknown.id.clone();
            return Err(Error::DeliveryNotFound { id });
        }
        let detail = Some(keys.len().to_string());
        self.audit_webhook(caller, owner, webhook_id, detail)
            .await?;
        let replays = keys.iter().map(|key| self.replay(key));
        let replayed = join_bounded(replays.collect()).await?;
        let queued = replayed.into_iter().filter(|&is_queued| is_queued).count();
        Ok(Replay { queued })
    }

    /// Makes a delivery due. If an attempt is being made at the same time, there may be another one. Returns whether the
    /// delivery still exists. One round trip.
    async fn replay(&self, key: &DeliveryKey) -> Result<bool> {
        let now = self.clock.now();
        Update::new(
            &self.tables.deliveries,
            key.item(),
            "SET delivery_status = :waiting, attempts = :none, due_at = :now, retry_shard = :shard, \
             expires_at = :expires_at",
            "attribute_exists(webhook_id)",
        )
        .value(":waiting", to_attribute(&DeliveryStatus::Waiting)?)
        .value(":none", number_attr(0))
        .value(":now", number_attr(Seconds::from(now).0))
        .value(":shard", string_attr(shard_of(&key.id)))
        .value(":expires_at", number_attr(Seconds::from(now.after(TTL)).0))
        .send(&self.db)
        .await
    }
}
