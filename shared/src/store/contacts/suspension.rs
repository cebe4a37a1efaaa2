use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::error::Result;
use crate::store::Store;
use crate::store::dynamodb::item::string_attr;
use crate::store::dynamodb::transaction::{Transaction, put_if, transact};
use crate::store::items::contact::{ContactItem, ExternalIdItem};

impl Store {
    /// Writes the items that suspend a contact, or end its suspension, and the same to its external id, by which its
    /// JSON Web Tokens find it. `contact` is the contact afterwards. An external id whose item is missing gets one; an
    /// item that names another contact stays as it is. One transaction, two in the latter case.
    pub(in crate::store) async fn transact_suspension(
        &self,
        contact: &ContactItem,
        items: Vec<TransactWriteItem>,
    ) -> Result<Transaction> {
        let Some(external_id) = &contact.external_id else {
            return transact(&self.db, items).await;
        };
        let item = ExternalIdItem {
            suspended_at: contact.suspended_at,
            ..ExternalIdItem::new(external_id, contact.id)
        };
        let is_own = "attribute_not_exists(id) OR contact_id = :contact";
        let values = [(":contact", string_attr(contact.id))];
        let put = put_if(&self.tables.contacts, &item, is_own, &values)?;
        let mut all = items.clone();
        all.push(put);
        match transact(&self.db, all).await? {
            Transaction::ConditionsFailed(failed) if failed.contains(&items.len()) => {
                transact(&self.db, items).await
            }
            outcome => Ok(outcome),
        }
    }
}
