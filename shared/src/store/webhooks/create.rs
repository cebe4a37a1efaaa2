use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{ContactId, WebhookId};
use crate::origin;
use crate::store::Store;
use crate::store::dynamodb::item::{number_attr, string_set_attr};
use crate::store::dynamodb::transaction::put_new;
use crate::store::dynamodb::update::Update;
use crate::store::items::listener;
use crate::store::items::webhook::WebhookItem;
use crate::webhook::{EventTypes, MAX_WEBHOOKS, Secret, WebhookWithSecret};

impl Store {
    /// Creates a webhook of the caller, whose feed begins with it. One round trip more than [`Store::start_feed`]. One of the
    /// operator, who has no feed, takes three: key; audit trail; webhook.
    ///
    /// # Errors
    ///
    /// [`Error::WebhooksDisabled`]; [`Error::TooManyWebhooks`]; a URL that is not allowed.
    pub async fn create_webhook(
        &self,
        caller: &Caller,
        url: &str,
        event_types: EventTypes,
    ) -> Result<WebhookWithSecret> {
        let owner = self.authenticate_for_webhooks(caller).await?;
        self.check_has_webhooks()?;
        let url = self.parse_webhook_url(url)?;
        let now = self.clock.now();
        let webhook = WebhookItem {
            contact_id: owner,
            id: WebhookId::new(now),
            url: url.into(),
            event_types,
            secret: Secret::generate(),
            previous_secrets: Vec::new(),
            is_enabled: true,
            disabled_because: None,
            failing_since: None,
            created_at: now.into(),
            api_origin: origin::current(),
        };
        let detail = Some(webhook.url.clone());
        self.audit_webhook(caller, owner, webhook.id, detail)
            .await?;
        let table = &self.tables.listeners;
        let key = listener::key(owner);
        let has_room = "(attribute_not_exists(webhooks) OR size(webhooks) < :max)";
        let listed = if owner == ContactId::OPERATOR {
            // The operator has no feed.
            let expression = "SET segment_number = :none, read_on = :none ADD webhooks :ids";
            Update::new(table, key, expression, has_room).value(":none", number_attr(0))
        } else {
            self.start_feed(caller).await?;
            let condition = format!("attribute_exists(contact_id) AND {has_room}");
            Update::new(table, key, "ADD webhooks :ids", &condition)
        };
        let listed = listed
            .value(":ids", string_set_attr([webhook.id]))
            .value(":max", number_attr(MAX_WEBHOOKS as u64));
        let items = vec![
            put_new(&self.tables.webhooks, "id", &webhook)?,
            listed.into_transaction_item()?,
        ];
        if !self.transact(items).await? {
            return Err(Error::TooManyWebhooks);
        }
        Ok(webhook.into_webhook_with_secret())
    }
}
