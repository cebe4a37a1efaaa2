use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;

use super::retries::delay_after;
use crate::error::{Cause, Result};
use crate::event::{Event, EventType};
use crate::id::ContactId;
use crate::origin;
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::dynamodb::connection::{Post, PostError, Posted, post};
use crate::store::dynamodb::item::number_attr;
use crate::store::events::Content;
use crate::store::items::contact::{self, ContactItem};
use crate::store::items::delivery::{DeliveryItem, DeliveryKey, DeliverySubject};
use crate::store::items::feed::Entry;
use crate::store::items::webhook::{self, WebhookItem};
use crate::time::Seconds;
use crate::webhook::{Payload, address};

/// How long a receiver may take, from the look-up of its name to the end of its response.
const TIMEOUT: Duration = Duration::from_secs(15);

impl Store {
    /// Attempts deliveries to one webhook at once. Returns whether more can be attempted now. Six round trips: deliveries;
    /// webhook and its owner; claims; conversations; messages; contacts. Then the attempts, and one more.
    pub(super) async fn attempt_deliveries(
        &self,
        keys: &[DeliveryKey],
        are_new: bool,
    ) -> Result<bool> {
        let now = Seconds::from(self.clock.now());
        let table = &self.tables.deliveries;
        let batch = BatchGet::default().keys(table, keys.iter().map(DeliveryKey::item));
        let mut items = batch.send(&self.db).await?;
        let mut deliveries: Vec<DeliveryItem> = items.take(table)?;
        deliveries.retain(|delivery| delivery.may_be_attempted_at(now));
        let Some(first) = deliveries.first() else {
            return Ok(true);
        };
        let owner = first.contact_id;
        let is_operators = owner == ContactId::OPERATOR;
        let contact = (!is_operators).then(|| contact::key(owner));
        let batch = BatchGet::default()
            .keys(
                &self.tables.webhooks,
                [webhook::key(owner, first.webhook_id)],
            )
            .keys(&self.tables.contacts, contact);
        let mut items = batch.send(&self.db).await?;
        let owner: Option<ContactItem> = items.take(&self.tables.contacts)?.pop();
        let webhook: Option<WebhookItem> = items.take(&self.tables.webhooks)?.pop();
        let Some(webhook) = webhook else {
            // It has been deleted.
            let keys = deliveries.iter().map(DeliveryItem::key);
            return self.delete_deliveries(keys.collect()).await.map(|()| true);
        };
        if are_new && webhook.failing_since.is_some() {
            // New deliveries to a failing webhook wait for the schedule, so that they do not delay other webhooks. Tests
            // are attempted now.
            deliveries.retain(|delivery| delivery.subject == DeliverySubject::Test);
            if deliveries.is_empty() {
                return Ok(false);
            }
        }
        let is_active = is_operators || owner.is_some_and(|owner| owner.suspended_at.is_none());
        let is_disabled = !(webhook.is_enabled && is_active);
        let is_over = |delivery: &DeliveryItem| delivery.attempts >= delivery.max_attempts();
        let over = deliveries.extract_if(.., |delivery| is_disabled || is_over(delivery));
        let failed = over.map(|delivery| self.give_up(delivery));
        join_bounded(failed.collect()).await?;
        let claims = deliveries.into_iter().map(|delivery| self.claim(delivery));
        let claimed = join_bounded(claims.collect()).await?.into_iter().flatten();
        let claimed: Vec<_> = claimed.collect();
        self.attempt(&webhook, claimed).await
    }

    /// Writes when the next attempt is due, and that this one begins. Returns the delivery as it is then; none if
    /// another instance has done so. One round trip.
    async fn claim(&self, delivery: DeliveryItem) -> Result<Option<DeliveryItem>> {
        let attempts = delivery.attempts + 1;
        let due_at = Seconds::from(self.clock.now().after(delay_after(attempts)));
        let set = "SET due_at = :due_at, attempts = :next";
        let claimed = self
            .update_if_unchanged(&delivery, set)
            .value(":due_at", number_attr(due_at.0))
            .value(":next", number_attr(attempts as u64));
        let is_claimed = claimed.send(&self.db).await?;
        Ok(is_claimed.then_some(DeliveryItem {
            attempts,
            due_at: Some(due_at),
            ..delivery
        }))
    }

    /// Posts the events of deliveries, and writes what came of it. Returns whether more can be attempted now.
    async fn attempt(&self, webhook: &WebhookItem, claimed: Vec<DeliveryItem>) -> Result<bool> {
        let entries = claimed.iter().filter_map(DeliveryItem::entry);
        let content = if webhook.is_operators() {
            self.load_content_for_operator(entries).await?
        } else {
            // Several deliveries can be about the same.
            let targets: HashSet<_> = entries.map(Entry::target).collect();
            self.load_content(webhook.contact_id, targets.into_iter())
                .await?
        };
        let (mut wanted, mut unwanted) = (Vec::new(), Vec::new());
        for delivery in claimed {
            match payload(&delivery, webhook, &content) {
                Some(payload) => wanted.push((delivery, payload)),
                None => unwanted.push(delivery.key()),
            }
        }
        let posts = wanted.into_iter().map(async |(delivery, payload)| {
            let posted = self.post_payload(webhook, &delivery, &payload).await;
            (delivery, posted)
        });
        let posted = join_all(posts).await;
        let mut responses = posted.iter().filter_map(|(_, posted)| posted.as_ref().ok());
        let is_dead = !posted.is_empty() && responses.clone().next().is_none();
        let goes_on = !is_dead && !responses.any(Posted::is_busy);
        self.settle_all(webhook, posted).await?;
        self.delete_deliveries(unwanted).await?;
        Ok(goes_on)
    }

    /// Posts the event of a delivery.
    async fn post_payload(
        &self,
        webhook: &WebhookItem,
        delivery: &DeliveryItem,
        payload: &Payload,
    ) -> Result<Posted, PostError> {
        let origin = webhook.api_origin.clone();
        let body = origin::sync_scope(origin, || serde_json::to_vec(payload));
        let body = body.map_err(Cause::from)?;
        let id = delivery.id.as_str();
        let timestamp = Seconds::from(self.clock.now());
        let secrets = webhook.secrets_at(timestamp);
        let signatures: Vec<_> = secrets
            .map(|secret| secret.sign(id, timestamp, &body))
            .collect();
        let is_allowed = if self.allows_local_webhooks() {
            |_| true
        } else {
            address::is_public
        };
        let posted = post(Post {
            url: &webhook.url,
            headers: [
                ("content-type", "application/json".to_owned()),
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", timestamp.0.to_string()),
                ("webhook-signature", signatures.join(" ")),
            ],
            body,
            is_allowed,
            timeout: TIMEOUT,
        });
        posted.await
    }
}

/// What to post now; none if the webhook is not for the event.
fn payload(delivery: &DeliveryItem, webhook: &WebhookItem, content: &Content) -> Option<Payload> {
    let Some(entry) = delivery.entry() else {
        let test = Event::new(EventType::WebhookTest);
        return Some(Payload::new(test, delivery.changed_at));
    };
    let event = content.event(entry.target(), entry.is_new());
    let is_wanted = webhook.event_types.contains(event.r#type);
    is_wanted.then(|| Payload {
        recipients: content.recipients(entry),
        ..Payload::new(event, delivery.changed_at)
    })
}
