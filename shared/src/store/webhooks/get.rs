use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::WebhookId;
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
        let contact = self.authenticate(caller).await?;
        let table = &self.tables.webhooks;
        let batch = BatchGet::default().keys(table, [webhook::key(contact, id)]);
        let webhook: Option<WebhookItem> = batch.send(&self.db).await?.take(table)?.pop();
        let webhook = webhook.ok_or(Error::WebhookNotFound)?;
        Ok(webhook.into_webhook())
    }
}
