use crate::caller::Caller;
use crate::error::Result;
use crate::id::WebhookId;
use crate::page::{Cursor, Limit, Page};
use crate::store::Store;
use crate::store::dynamodb::partition::{Order, Partition};
use crate::store::items::webhook::WebhookItem;
use crate::webhook::Webhook;

/// The most bytes that a webhook takes in a response; a page of webhooks is never too large.
const MAX_JSON_LEN: usize = 8 * 1024;

impl Store {
    /// Returns a page of the caller's webhooks, newest first. Two round trips: token; list.
    pub async fn list_webhooks(
        &self,
        caller: &Caller,
        cursor: Option<Cursor<WebhookId>>,
        limit: Limit,
    ) -> Result<Page<Webhook>> {
        let owner = self.authenticate_for_webhooks(caller).await?;
        let webhooks = Partition {
            table: &self.tables.webhooks,
            key: ("contact_id", &owner.to_string()),
            sort_key: "id",
            order: Order::Descending,
        };
        let webhooks = webhooks.items(&self.db, cursor, limit.get() + 1).await?;
        let direction = Cursor::direction(cursor.as_ref());
        let page = Page::of(webhooks, limit, direction, |_| MAX_JSON_LEN);
        Ok(page.map(WebhookItem::into_webhook))
    }
}
