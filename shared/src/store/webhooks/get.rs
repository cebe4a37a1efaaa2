use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{ContactId, WebhookId};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::items::webhook::{self, WebhookItem};
use crate::webhook::Webhook;

impl Store {
    /// Returns a webhook of the caller. Two round trips: token; webhook.
    ///
    /// # Errors
    ///
    /// [`Error::WebhookNotFound`].
    pub async fn get_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook> {
        let owner = self.authenticate_for_webhooks(caller).await?;
        let webhook = self.load_webhook(owner, id).await?;
        Ok(webhook.into_webhook())
    }

    /// A webhook of an owner. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::WebhookNotFound`].
    pub(in crate::store) async fn load_webhook(
        &self,
        owner: ContactId,
        id: WebhookId,
    ) -> Result<WebhookItem> {
        let table = &self.tables.webhooks;
        let batch = BatchGet::default().keys(table, [webhook::key(owner, id)]);
        let webhook = batch.send(&self.db).await?.take(table)?.pop();
        webhook.ok_or(Error::WebhookNotFound)
    }
}
