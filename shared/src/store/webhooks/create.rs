use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::WebhookId;
use crate::store::Store;
use crate::store::dynamodb::item::{number_attr, string_set_attr};
use crate::store::dynamodb::transaction::put_new;
use crate::store::dynamodb::update::Update;
use crate::store::items::listener;
use crate::store::items::webhook::WebhookItem;
use crate::webhook::{EventTypes, MAX_WEBHOOKS, NewWebhook, Secret};

impl Store {
    /// Creates a webhook of the caller, whose feed begins with it. One round trip more than [`Store::start_feed`].
    ///
    /// # Errors
    ///
    /// [`Error::WebhooksDisabled`]; [`Error::TooManyWebhooks`]; a URL that is not allowed.
    pub async fn create_webhook(
        &self,
        caller: &Caller,
        url: &str,
        event_types: EventTypes,
    ) -> Result<NewWebhook> {
        self.authenticate(caller).await?;
        if !self.has_webhooks() {
            return Err(Error::WebhooksDisabled);
        }
        let url = self.parse_webhook_url(url)?;
        let contact_id = self.start_feed(caller).await?.cursor.contact;
        let now = self.clock.now();
        let webhook = WebhookItem {
            contact_id,
            id: WebhookId::new(now),
            url: url.into(),
            event_types,
            secret: Secret::generate(),
            is_enabled: true,
            disabled_because: None,
            failing_since: None,
            created_at: now.into(),
        };
        let condition = "attribute_exists(contact_id) \
             AND (attribute_not_exists(webhooks) OR size(webhooks) < :max)";
        let listed = Update::new(
            &self.tables.listeners,
            listener::key(contact_id),
            "ADD webhooks :ids",
            condition,
        )
        .value(":ids", string_set_attr([webhook.id]))
        .value(":max", number_attr(MAX_WEBHOOKS as u64));
        let items = vec![
            put_new(&self.tables.webhooks, "id", &webhook)?,
            listed.into_transaction_item()?,
        ];
        if !self.transact(items).await? {
            return Err(Error::TooManyWebhooks);
        }
        let secret = webhook.secret.clone();
        Ok(NewWebhook {
            webhook: webhook.into_webhook(),
            secret,
        })
    }
}
