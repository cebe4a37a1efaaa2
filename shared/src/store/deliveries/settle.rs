use std::time::Duration;

use crate::error::{Cause, Result, chain};
use crate::store::Store;
use crate::store::dynamodb::batch::delete_all;
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::dynamodb::connection::Posted;
use crate::store::dynamodb::item::{number_attr, to_attribute};
use crate::store::dynamodb::update::Update;
use crate::store::items::delivery::{DeliveryItem, DeliveryKey, DeliverySubject};
use crate::store::items::webhook::{self, WebhookItem};
use crate::time::Seconds;
use crate::webhook::{DeliveryStatus, DisabledBecause};

/// After this time without a delivery that succeeds, a webhook is disabled.
const MAX_FAILING: Duration = Duration::from_hours(5 * 24);

/// The longest time for which a receiver can postpone the next attempt.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// The status of a receiver that wants no more deliveries.
const GONE: u16 = 410;

/// Neither has another attempt begun, nor was the delivery replayed, which begins with the first attempt again.
const IS_AS_CLAIMED: &str = "attempts = :attempts AND due_at = :claimed";

impl Store {
    /// Writes what came of attempts to deliver to a webhook. One round trip.
    pub(super) async fn settle_all(
        &self,
        webhook: &WebhookItem,
        posted: Vec<(DeliveryItem, Result<Posted, Cause>)>,
    ) -> Result<()> {
        if posted.is_empty() {
            return Ok(());
        }
        let statuses = posted.iter().filter_map(|(_, posted)| posted.as_ref().ok());
        let has_succeeded = statuses.clone().any(|posted| is_success(posted.status));
        // The operator has no feed to catch up from, so nothing disables its webhooks.
        let is_gone =
            !webhook.is_operators() && statuses.clone().any(|posted| posted.status == GONE);
        let is_test = posted
            .iter()
            .all(|(delivery, _)| delivery.subject == DeliverySubject::Test);
        let error = posted.iter().find_map(|(_, posted)| posted.as_ref().err());
        if let Some(error) = error {
            let (webhook_id, error) = (webhook.id.to_string(), chain(&**error));
            tracing::warn!(webhook_id, error, "failed to reach a webhook");
        }
        let settled = posted.into_iter().map(|(delivery, posted)| {
            let posted = posted.ok();
            let status = posted.map(|posted| posted.status);
            let retry_after = posted
                .filter(Posted::is_busy)
                .and_then(|posted| posted.retry_after);
            (delivery, status, retry_after)
        });
        let settled = settled.map(async |(delivery, status, retry_after)| match status {
            Some(code) if is_success(code) => {
                self.settle(delivery, DeliveryStatus::Delivered, status)
                    .await
            }
            Some(GONE) if is_gone => self.settle(delivery, DeliveryStatus::Failed, status).await,
            _ if delivery.attempts >= delivery.max_attempts() => {
                self.settle(delivery, DeliveryStatus::Failed, status).await
            }
            _ => self.postpone(delivery, status, retry_after).await,
        });
        join_bounded(settled.collect()).await?;
        if is_gone {
            self.disable(webhook, DisabledBecause::Gone).await
        } else if has_succeeded {
            self.record_success(webhook).await
        } else if is_test {
            Ok(())
        } else {
            self.record_failure(webhook).await
        }
    }

    /// Writes the end of a delivery, unless another attempt has begun meanwhile, or it is to be replayed. One round trip.
    pub(super) async fn settle(
        &self,
        delivery: DeliveryItem,
        to: DeliveryStatus,
        last_status: Option<u16>,
    ) -> Result<()> {
        let set = if last_status.is_some() {
            "SET delivery_status = :to, last_status = :last REMOVE retry_shard, due_at"
        } else {
            "SET delivery_status = :to REMOVE retry_shard, due_at"
        };
        let key = delivery.key().item();
        let due_at = delivery.due_at.unwrap_or(Seconds(0));
        let mut settled = Update::new(&self.tables.deliveries, key, set, IS_AS_CLAIMED)
            .value(":to", to_attribute(&to)?)
            .value(":claimed", number_attr(due_at.0))
            .value(":attempts", number_attr(delivery.attempts as u64));
        if let Some(last) = last_status {
            settled = settled.value(":last", number_attr(last.into()));
        }
        settled.send(&self.db).await.map(drop)
    }

    /// Writes the status of an attempt that failed, and postpones the next one if the receiver asked for it. One round
    /// trip; none if there is nothing to write.
    async fn postpone(
        &self,
        delivery: DeliveryItem,
        status: Option<u16>,
        retry_after: Option<Duration>,
    ) -> Result<()> {
        let Some(status) = status else {
            return Ok(());
        };
        let wanted = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        let claimed = delivery.due_at.unwrap_or(Seconds(0));
        let due_at = claimed.max(self.clock.now().after(wanted).into());
        let key = delivery.key().item();
        let set = "SET last_status = :last, due_at = :due_at";
        Update::new(&self.tables.deliveries, key, set, IS_AS_CLAIMED)
            .value(":claimed", number_attr(claimed.0))
            .value(":last", number_attr(status.into()))
            .value(":due_at", number_attr(due_at.0))
            .value(":attempts", number_attr(delivery.attempts as u64))
            .send(&self.db)
            .await
            .map(drop)
    }

    /// Deletes deliveries whose webhook was deleted, or is not for their event. One round trip.
    pub(super) async fn delete_deliveries(&self, keys: Vec<DeliveryKey>) -> Result<()> {
        let table = self.tables.deliveries.as_str();
        let keys = keys.iter().map(|key| (table, key.item()));
        delete_all(&self.db, keys.collect()).await
    }

    /// Disables a webhook. One round trip.
    async fn disable(&self, webhook: &WebhookItem, because: DisabledBecause) -> Result<()> {
        let set = "SET is_enabled = :no, disabled_because = :because";
        let key = webhook::key(webhook.contact_id, webhook.id);
        // Not if its owner has changed it meanwhile, or another delivery has succeeded.
        let since = webhook
            .failing_since
            .filter(|_| because == DisabledBecause::Failing);
        let condition = match since {
            Some(_) => "is_enabled = :yes AND #url = :url AND failing_since = :since",
            None => "is_enabled = :yes AND #url = :url",
        };
        let mut disabled = Update::new(&self.tables.webhooks, key, set, condition)
            .name("#url", "url")
            .value(":no", to_attribute(&false)?)
            .value(":yes", to_attribute(&true)?)
            .value(":url", to_attribute(&webhook.url)?)
            .value(":because", to_attribute(&because)?);
        if let Some(since) = since {
            disabled = disabled.value(":since", number_attr(since.0));
        }
        if disabled.send(&self.db).await? {
            let webhook_id = webhook.id.to_string();
            tracing::info!(webhook_id, ?because, "disabled a webhook");
        }
        Ok(())
    }

    /// Records that a delivery has succeeded. No round trip unless others had failed before.
    async fn record_success(&self, webhook: &WebhookItem) -> Result<()> {
        if webhook.failing_since.is_none() {
            return Ok(());
        }
        let key = webhook::key(webhook.contact_id, webhook.id);
        let table = &self.tables.webhooks;
        Update::new(table, key, "REMOVE failing_since", "attribute_exists(id)")
            .send(&self.db)
            .await
            .map(drop)
    }

    /// Records that deliveries have failed, or disables the webhook if they have done so for too long. One round trip;
    /// none in between.
    async fn record_failure(&self, webhook: &WebhookItem) -> Result<()> {
        let now = self.clock.now();
        let Some(since) = webhook.failing_since else {
            let key = webhook::key(webhook.contact_id, webhook.id);
            let table = &self.tables.webhooks;
            let condition = "attribute_exists(id) AND attribute_not_exists(failing_since)";
            return Update::new(table, key, "SET failing_since = :now", condition)
                .value(":now", number_attr(Seconds::from(now).0))
                .send(&self.db)
                .await
                .map(drop);
        };
        if since > now.before(MAX_FAILING).into() || webhook.is_operators() {
            return Ok(());
        }
        self.disable(webhook, DisabledBecause::Failing).await
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}
