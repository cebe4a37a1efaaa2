use crate::caller::Caller;
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
use crate::id::WebhookId;
use crate::store::Store;
use crate::store::dynamodb::put::put_once;
use crate::store::items::delivery::{DeliveryContent, DeliveryItem};
use crate::webhook::{Delivery, DeliveryId};

impl Store {
    /// Puts a delivery of a test event to a webhook of the caller. Three round trips: token; webhook; delivery.
    ///
    /// # Errors
    ///
    /// [`Error::WebhooksDisabled`]; [`Error::WebhookNotFound`]; [`Error::WebhookNotEnabled`].
    pub async fn test_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Delivery> {
        let owner = self.authenticate_for_webhooks(caller).await?;
        self.check_has_webhooks()?;
        let webhook = self.load_webhook(owner, id).await?;
        webhook.check_is_enabled()?;
        let now = self.clock.now();
        let delivery = DeliveryItem::new(
            &webhook,
            DeliveryId::random(now.into()),
            DeliveryContent::Test,
            now.into(),
            now,
        );
        put_once(&self.db, &self.tables.deliveries, "webhook_id", &delivery).await?;
        Ok(delivery.into_delivery())
    }
}
