use std::collections::HashMap;

use crate::error::{Result, chain};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::dynamodb::item::{Item, from_item};
use crate::store::dynamodb::put::put_once;
use crate::store::events::ContactEntries;
use crate::store::items::delivery::{DeliveryItem, DeliverySubject};
use crate::store::items::feed::Entry;
use crate::store::items::listener::Listener;
use crate::store::items::webhook::{self, WebhookItem};
use crate::webhook::DeliveryId;

impl Store {
    /// Whether events of a contact are delivered to webhooks.
    pub(in crate::store) fn delivers_to(&self, listener: &Listener) -> bool {
        self.has_webhooks() && !listener.webhooks.is_empty()
    }

    /// Puts a delivery for each entry of a contact and each of its webhooks that may want it. Can be repeated. Two round
    /// trips, for up to 16 deliveries; none without webhooks.
    pub(in crate::store) async fn put_deliveries(
        &self,
        feeds: &[(Listener, ContactEntries)],
    ) -> Result<()> {
        let table = &self.tables.webhooks;
        let listeners = feeds.iter().map(|(listener, _)| listener);
        let listeners = listeners.filter(|listener| self.delivers_to(listener));
        let keys = listeners.flat_map(|listener| {
            let ids = listener.webhooks.iter();
            ids.map(|&id| webhook::key(listener.contact_id, id))
        });
        let mut items = BatchGet::default().keys(table, keys).send(&self.db).await?;
        let webhooks = items.take_items(table).into_iter().filter_map(readable);
        let webhooks = webhooks.filter(|webhook| webhook.is_enabled);
        let entries: HashMap<_, _> = feeds
            .iter()
            .map(|(listener, entries)| (listener.contact_id, entries))
            .collect();
        let mut puts = Vec::new();
        for webhook in webhooks {
            let Some(entries) = entries.get(&webhook.contact_id) else {
                continue;
            };
            let wanted = entries.list.iter().zip(&entries.origins);
            let wanted = wanted.filter(|(entry, _)| may_be_wanted(&webhook, **entry));
            let now = self.clock.now();
            puts.extend(
                wanted.map(|(&entry, &origin)| {
                    let id = DeliveryId::new(webhook.id, origin, &entry.target_id());
                    let subject = DeliverySubject::Change(entry);
                    let delivery = DeliveryItem::new(&webhook, id, subject, origin.changed_at, now);
                    async move {
                        put_once(&self.db, &self.tables.deliveries, "webhook_id", &delivery).await
                    }
                }),
            );
        }
        join_bounded(puts).await.map(drop)
    }
}

/// The webhook of an item. One that cannot be read must not delay the feeds of others.
fn readable(item: Item) -> Option<WebhookItem> {
    let webhook_id = item.get("id").and_then(|id| id.as_s().ok()).cloned();
    let webhook = from_item(item).inspect_err(|error| {
        let error = chain(error);
        tracing::error!(webhook_id, error, "skipped a webhook that cannot be read");
    });
    webhook.ok()
}

/// Whether an entry can become an event that the webhook is for. What it shows is decided at the attempt.
fn may_be_wanted(webhook: &WebhookItem, entry: Entry) -> bool {
    let types = [entry.event_type(), entry.event_type_without_target()];
    types
        .into_iter()
        .any(|r#type| webhook.event_types.contains(r#type))
}
