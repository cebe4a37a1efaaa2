use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::error::{Result, chain};
use crate::store::Store;
use crate::store::dynamodb::batch::delete_all;
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::dynamodb::connection::{PostError, Posted};
use crate::store::dynamodb::item::{number_attr, string_attr, to_attribute};
use crate::store::dynamodb::update::Update;
use crate::store::items::delivery::{DeliveryItem, DeliveryKey, DeliverySubject};
use crate::store::items::webhook::{self, WebhookItem};
use crate::time::Seconds;
use crate::webhook::{DeliveryStatus, DisabledBecause};

/// After this time without a delivery that succeeds, a webhook is disabled.
const MAX_FAILING: Duration = Duration::from_hours(5 * 24);

/// As many attempts of a delivery must have failed then. A webhook that rarely gets events is not disabled because of one
/// that failed long ago and one that has failed now.
const MIN_ATTEMPTS: usize = 4;

/// The longest time for which a receiver can postpone the next attempt.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// The status of a receiver that wants no more deliveries.
const GONE: u16 = 410;

/// What an attempt has led to: the status of the response, or why there was none.
type AttemptResult = Result<u16, PostError>;

impl Store {
    /// Writes what came of attempts to deliver to a webhook. One round trip.
    pub(super) async fn settle_all(
        &self,
        webhook: &WebhookItem,
        posted: Vec<(DeliveryItem, Result<Posted, PostError>)>,
    ) -> Result<()> {
        if posted.is_empty() {
            return Ok(());
        }
        let statuses = posted.iter().filter_map(|(_, posted)| posted.as_ref().ok());
        let has_succeeded = statuses.clone().any(|posted| is_success(posted.status));
        // The operator has no feed to catch up from, so nothing disables its webhooks.
        let is_gone =
            !webhook.is_operators() && statuses.clone().any(|posted| posted.status == GONE);
        // Neither a test nor a fault of this function counts.
        let counting = posted.iter().filter(|(delivery, posted)| {
            let is_internal = posted.as_ref().is_err_and(PostError::is_internal);
            delivery.subject != DeliverySubject::Test && !is_internal
        });
        let attempts = counting.map(|(delivery, _)| delivery.attempts).max();
        let errors = posted
            .iter()
            .filter_map(|(_, posted)| posted.as_ref().err());
        log_errors(webhook, errors);
        let settled = posted.into_iter().map(async |(delivery, posted)| {
            let busy = posted.as_ref().ok().filter(|posted| posted.is_busy());
            let retry_after = busy.and_then(|posted| posted.retry_after);
            let result = posted.map(|posted| posted.status);
            let to = match result {
                Ok(status) if is_success(status) => DeliveryStatus::Delivered,
                Ok(GONE) if is_gone => DeliveryStatus::Failed,
                _ if delivery.attempts >= delivery.max_attempts() => DeliveryStatus::Failed,
                _ => return self.postpone(delivery, result, retry_after).await,
            };
            self.settle(delivery, to, result).await
        });
        join_bounded(settled.collect()).await?;
        if is_gone {
            self.disable(webhook, DisabledBecause::Gone).await
        } else if has_succeeded {
            self.record_success(webhook).await
        } else if let Some(attempts) = attempts {
            self.record_failure(webhook, attempts).await
        } else {
            Ok(())
        }
    }

    /// Marks a delivery as failed without another attempt. One round trip.
    pub(super) async fn give_up(&self, delivery: DeliveryItem) -> Result<()> {
        let set = "SET delivery_status = :failed REMOVE retry_shard, due_at";
        self.update_if_unchanged(&delivery, set)
            .value(":failed", to_attribute(&DeliveryStatus::Failed)?)
            .send(&self.db)
            .await
            .map(drop)
    }

    /// Writes the result of the last attempt. One round trip.
    async fn settle(
        &self,
        delivery: DeliveryItem,
        to: DeliveryStatus,
        result: AttemptResult,
    ) -> Result<()> {
        let (name, replaced, value) = result_attributes(result);
        let set = format!(
            "SET delivery_status = :to, {name} = :last REMOVE retry_shard, due_at, {replaced}"
        );
        self.update_if_unchanged(&delivery, &set)
            .value(":to", to_attribute(&to)?)
            .value(":last", value)
            .send(&self.db)
            .await
            .map(drop)
    }

    /// Writes the result of an attempt that failed, and postpones the next one if the receiver asked for it. One round
    /// trip.
    async fn postpone(
        &self,
        delivery: DeliveryItem,
        result: AttemptResult,
        retry_after: Option<Duration>,
    ) -> Result<()> {
        let (name, replaced, value) = result_attributes(result);
        let wanted = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        let wanted = Seconds::from(self.clock.now().after(wanted));
        let due_at = delivery.due_at.unwrap_or(Seconds(0)).max(wanted);
        let set = format!("SET due_at = :due_at, {name} = :last REMOVE {replaced}");
        self.update_if_unchanged(&delivery, &set)
            .value(":due_at", number_attr(due_at.0))
            .value(":last", value)
            .send(&self.db)
            .await
            .map(drop)
    }

    /// An update of a delivery that does nothing if another attempt has begun meanwhile, or the delivery was replayed, which
    /// resets `attempts`.
    pub(super) fn update_if_unchanged(&self, delivery: &DeliveryItem, expression: &str) -> Update {
        let seen = delivery.due_at.unwrap_or(Seconds(0));
        let is_unchanged = "attempts = :attempts AND due_at = :seen";
        let key = delivery.key().item();
        Update::new(&self.tables.deliveries, key, expression, is_unchanged)
            .value(":attempts", number_attr(delivery.attempts as u64))
            .value(":seen", number_attr(seen.0))
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

    /// Records that deliveries have failed, one of them after this many attempts, or disables the webhook if they have
    /// done so for too long. One round trip; none in between.
    async fn record_failure(&self, webhook: &WebhookItem, attempts: usize) -> Result<()> {
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
        let is_over = since <= now.before(MAX_FAILING).into() && attempts >= MIN_ATTEMPTS;
        if !is_over || webhook.is_operators() {
            return Ok(());
        }
        self.disable(webhook, DisabledBecause::Failing).await
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Logs one error of the receiver, and one of this function.
fn log_errors<'a>(webhook: &WebhookItem, errors: impl Iterator<Item = &'a PostError>) {
    let webhook_id = webhook.id.to_string();
    let (internal, others): (Vec<_>, Vec<_>) = errors.partition(|error| error.is_internal());
    if let Some(&error) = internal.first() {
        let error = chain(error);
        tracing::error!(
            webhook_id,
            error,
            "failed to make the request of a delivery"
        );
    }
    if let Some(&error) = others.first() {
        let error = chain(error);
        tracing::warn!(webhook_id, error, "failed to reach a webhook");
    }
}

/// The attribute for the result of an attempt, the attribute that it replaces, and the value.
fn result_attributes(result: AttemptResult) -> (&'static str, &'static str, AttributeValue) {
    match result {
        Ok(status) => ("last_status", "last_error", number_attr(status.into())),
        Err(error) => ("last_error", "last_status", string_attr(error.reason())),
    }
}
