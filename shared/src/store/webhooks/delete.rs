use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::WebhookId;
use crate::store::Store;
use crate::store::dynamodb::item::{string_attr, string_set_attr};
use crate::store::dynamodb::transaction::{Transaction, delete_if, transact};
use crate::store::dynamodb::update::Update;
use crate::store::items::{listener, webhook};

impl Store {
    /// Deletes a webhook of the caller; what waits to be delivered is not delivered. Two round trips: token;
    /// transaction. One more for the operator: audit trail.
    ///
    /// # Errors
    ///
    /// [`Error::WebhookNotFound`].
    pub async fn delete_webhook(&self, caller: &Caller, id: WebhookId) -> Result<()> {
        const WEBHOOK: usize = 0;
        let owner = self.authenticate_for_webhooks(caller).await?;
        self.audit_webhook(caller, owner, id, None).await?;
        let key = webhook::key(owner, id);
        let deleted = delete_if(&self.tables.webhooks, key, "id", string_attr(id))?;
        let unlisted = Update::new(
            &self.tables.listeners,
            listener::key(owner),
            "DELETE webhooks :ids",
            "attribute_exists(contact_id)",
        )
        .value(":ids", string_set_attr([id]));
        let items = vec![deleted, unlisted.into_transaction_item()?];
        match transact(&self.db, items).await? {
            Transaction::Committed => Ok(()),
            Transaction::ConditionsFailed(failed) if failed.contains(&WEBHOOK) => {
                Err(Error::WebhookNotFound)
            }
            Transaction::ConditionsFailed(_) => Err(Error::internal("the contact is being erased")),
        }
    }
}
