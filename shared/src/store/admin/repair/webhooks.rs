//! Webhooks.

use crate::error::Result;
use crate::id::{ContactId, WebhookId};
use crate::store::Admin;
use crate::store::dynamodb::item::{string_attr, string_set_attr};
use crate::store::dynamodb::transaction::{condition_check, delete};
use crate::store::dynamodb::update::Update;
use crate::store::items::{listener, webhook};

impl Admin {
    /// Deletes a webhook that its owner's listener does not list: its owner has deleted it.
    pub(super) async fn delete_unlisted_webhook(
        &self,
        owner: ContactId,
        id: WebhookId,
    ) -> Result<bool> {
        let tables = &self.store.tables;
        let is_unlisted = "attribute_not_exists(webhooks) OR NOT contains(webhooks, :id)";
        let values = [(":id", string_attr(id))];
        let key = listener::key(owner);
        let items = vec![
            condition_check(&tables.listeners, key, is_unlisted, &values)?,
            delete(&tables.webhooks, webhook::key(owner, id))?,
        ];
        self.store.transact(items).await
    }

    /// Takes a webhook that does not exist off the list, so that its owner can create another one.
    pub(super) async fn unlist_missing_webhook(
        &self,
        owner: ContactId,
        id: WebhookId,
    ) -> Result<bool> {
        let tables = &self.store.tables;
        let key = webhook::key(owner, id);
        let is_missing = "attribute_not_exists(id)";
        let unlisted = Update::new(
            &tables.listeners,
            listener::key(owner),
            "DELETE webhooks :ids",
            "attribute_exists(contact_id)",
        )
        .value(":ids", string_set_attr([id]));
        let items = vec![
            condition_check(&tables.webhooks, key, is_missing, &[])?,
            unlisted.into_transaction_item()?,
        ];
        self.store.transact(items).await
    }
}
