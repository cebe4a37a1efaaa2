use crate::caller::Caller;
use crate::error::Result;
use crate::id::WebhookId;
use crate::page::{Cursor, Limit, Page};
use crate::store::Store;
use crate::store::dynamodb::partition::{Order, Partition};
use crate::store::items::webhook::WebhookItem;
use crate::webhook::Webhook;

/// The most bytes that a webhook takes in a response; all of them are never too large.
const MAX_JSON_LEN: usize = 8 * 1024;

impl Store {
    /// Returns all webhooks of the caller, newest first. Two round trips: token; list.
    pub async fn list_webhooks(&self, caller: &Caller) -> Result<Page<Webhook>> {
        let contact = self.authenticate(caller).await?;
        let no_cursor: Option<Cursor<WebhookId>> = None;
        let webhooks = Partition {
            table: &self.tables.webhooks,
            key: ("contact_id", &contact.to_string()),
            sort_key: "id",
            order: Order::Descending,
        };
        let limit = Limit::MAX;
        let webhooks = webhooks.items(&self.db, no_cursor, limit.get()).await?;
        let direction = Cursor::direction(no_cursor.as_ref());
        let page = Page::of(webhooks, limit, direction, |_| MAX_JSON_LEN);
        Ok(page.map(WebhookItem::into_webhook))
    }
}
