use crate::caller::Caller;
use crate::error::Result;
use crate::id::WebhookId;
use crate::store::Store;
use crate::store::dynamodb::item::from_item;
use crate::store::dynamodb::put::put_once;
use crate::store::items::delivery::{DeliveryItem, DeliverySubject};
use crate::webhook::{Delivery, DeliveryId};

impl Store {
    /// Puts a delivery of a test event to a webhook of the caller, or returns the one of this minute. Three round trips:
    /// token; webhook; delivery.
    ///
    /// # Errors
    ///
    /// If the deployment has no webhooks, the caller no such webhook, or the webhook is disabled.
    pub async fn test_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Delivery> {
        let owner = self.authenticate_for_webhooks(caller).await?;
        self.check_has_webhooks()?;
        let webhook = self.load_webhook(owner, id).await?;
        webhook.check_is_enabled()?;
        let now = self.clock.now();
        let test = DeliveryItem::new(
            &webhook,
            DeliveryId::of_test(id, now.into()),
            DeliverySubject::Test,
            now.into(),
            now,
        );
        let table = &self.tables.deliveries;
        let existing = put_once(&self.db, table, "webhook_id", &test).await?;
        let test = existing.map(from_item).transpose()?.unwrap_or(test);
        Ok(test.into_delivery())
    }
}
