use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::WebhookId;
use crate::origin;
use crate::store::Store;
use crate::store::dynamodb::item::{from_item, string_attr, to_attribute};
use crate::store::dynamodb::update::{Outcome, Update};
use crate::store::items::webhook::{self, WebhookItem};
use crate::webhook::{EventTypes, Webhook};

/// What to change of a webhook.
#[derive(Debug)]
pub struct WebhookUpdate {
    /// Where events are posted.
    pub url: Option<String>,
    /// Which events.
    pub event_types: Option<EventTypes>,
    /// Whether events are posted.
    pub is_enabled: Option<bool>,
}

impl Store {
    /// Updates a webhook of the caller. Two round trips: token; update. One more for the
    /// operator: audit trail.
    ///
    /// # Errors
    ///
    /// [`Error::WebhookNotFound`]; [`Error::WebhooksDisabled`] if it is to be enabled; a URL that is not allowed.
    pub async fn update_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
        update: WebhookUpdate,
    ) -> Result<Webhook> {
        let owner = self.authenticate_for_webhooks(caller).await?;
        let mut set = vec!["api_origin = :api_origin"];
        let mut values = vec![(":api_origin", string_attr(origin::current()))];
        let mut removed = "";
        if let Some(url) = &update.url {
            let url = String::from(self.parse_webhook_url(url)?);
            // `url` is a reserved word.
            set.push("#url = :url");
            values.push((":url", string_attr(url)));
            removed = " REMOVE failing_since";
        }
        if let Some(event_types) = &update.event_types {
            set.push("event_types = :event_types");
            values.push((":event_types", to_attribute(event_types)?));
        }
        if let Some(is_enabled) = update.is_enabled {
            if is_enabled {
                self.check_has_webhooks()?;
            }
            set.push("is_enabled = :is_enabled");
            values.push((":is_enabled", to_attribute(&is_enabled)?));
            removed = " REMOVE disabled_because, failing_since";
        }
        self.audit_webhook(caller, owner, id, update.url.clone())
            .await?;
        let expression = format!("SET {}{removed}", set.join(", "));
        let key = webhook::key(owner, id);
        let table = &self.tables.webhooks;
        let mut changed =
            Update::new(table, key, &expression, "attribute_exists(id)").values(values);
        if update.url.is_some() {
            changed = changed.name("#url", "url");
        }
        match changed.send_and_return(&self.db).await? {
            Outcome::Updated(item) => Ok(from_item::<WebhookItem>(item)?.into_webhook()),
            Outcome::Refused(_) => Err(Error::WebhookNotFound),
        }
    }
}
