use crate::caller::Caller;
use crate::error::Result;
use crate::id::WebhookId;
use crate::page::{Cursor, Limit, Page};
use crate::store::Store;
use crate::store::dynamodb::item::{Item, from_item, to_attribute};
use crate::store::dynamodb::partition::{Order, Partition};
use crate::store::dynamodb::query::FilteredQuery;
use crate::store::items::delivery::{DeliveryItem, DeliveryKey};
use crate::webhook::{Delivery, DeliveryId, DeliveryStatus};

/// The most deliveries that one request examines: about 1 MB.
const MAX_EXAMINED: usize = 5_000;

/// The most of them that it examines at once.
const MAX_STEP: usize = 1_000;

/// The most bytes that a delivery takes in a response; a page of deliveries is never too large.
const MAX_JSON_LEN: usize = 1024;

impl Store {
    /// Returns a page of the deliveries to a webhook of the caller, newest first. Three round trips: token; webhook;
    /// deliveries. With a status at most nine more, which examine more deliveries each.
    ///
    /// A page of a status examines at most 5,000 deliveries: it may be short or empty although there are more.
    ///
    /// # Errors
    ///
    /// [`Error::WebhookNotFound`](crate::Error::WebhookNotFound).
    pub async fn list_deliveries(
        &self,
        caller: &Caller,
        webhook: WebhookId,
        status: Option<DeliveryStatus>,
        cursor: Option<Cursor<DeliveryId>>,
        limit: Limit,
    ) -> Result<Page<Delivery>> {
        let owner = self.authenticate_for_webhooks(caller).await?;
        let direction = Cursor::direction(cursor.as_ref());
        self.load_webhook(owner, webhook).await?;
        let (deliveries, examined_to) = self
            .find_deliveries(webhook, status, cursor, limit.get() + 1)
            .await?;
        let page = Page::of_filtered(deliveries, limit, direction, |_| MAX_JSON_LEN, examined_to);
        Ok(page.map(DeliveryItem::into_delivery))
    }

    /// Up to `wanted` deliveries in this status next to the cursor, and the last one that was examined if more may follow.
    async fn find_deliveries(
        &self,
        webhook: WebhookId,
        status: Option<DeliveryStatus>,
        cursor: Option<Cursor<DeliveryId>>,
        wanted: usize,
    ) -> Result<(Vec<DeliveryItem>, Option<DeliveryId>)> {
        let deliveries = Partition {
            table: &self.tables.deliveries,
            key: ("webhook_id", &webhook.to_string()),
            sort_key: "id",
            order: Order::Descending,
        };
        let mut query = deliveries.query(&self.db, cursor);
        if let Some(status) = status {
            query = query
                .filter_expression("delivery_status = :status")
                .expression_attribute_values(":status", to_attribute(&status)?);
        }
        let query = FilteredQuery::new(query, MAX_EXAMINED);
        let query = query.with_growing_pages(wanted, MAX_STEP);
        let (found, examined_to) = query.first(wanted).await?;
        let found = found.into_iter().map(from_item);
        let id_of = |item: Item| from_item::<DeliveryKey>(item).map(|key| key.id);
        Ok((
            found.collect::<Result<_>>()?,
            examined_to.map(id_of).transpose()?,
        ))
    }
}
