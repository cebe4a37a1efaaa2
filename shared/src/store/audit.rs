//! The audit trail of what server keys do. An entry is written before the operation: so nothing is done without one, and
//! an entry may be of something that then failed.

mod list;

use super::Store;
use super::dynamodb::item::to_item;
use super::items::audit_entry::AuditEntryItem;
use crate::audit::{self, AuditedRequest, Day};
use crate::caller::Caller;
use crate::error::Result;
use crate::id::{AuditEntryId, ContactId, TokenId};

impl Store {
    /// Records that the caller, a server key, is about to do something to `target`. One round trip. Does nothing for
    /// a contact.
    pub(super) async fn audit(&self, caller: &Caller, target: impl ToString) -> Result<()> {
        self.audit_with_detail(caller, target, None).await
    }

    /// The same, with what is about to be changed.
    pub(super) async fn audit_with_detail(
        &self,
        caller: &Caller,
        target: impl ToString,
        detail: Option<String>,
    ) -> Result<()> {
        match (caller.key(), audit::current()) {
            (Some(key), Some(request)) => {
                let entry = AuditEntryItem {
                    target: Some(target.to_string()),
                    detail,
                    ..self.new_entry(key, request)
                };
                self.write_audit_entry(&entry).await
            }
            _ => Ok(()),
        }
    }

    /// Records that a server key is about to change something on behalf of a contact. One round trip, none for a
    /// request that changes nothing.
    pub(super) async fn audit_on_behalf(&self, key: TokenId, contact: ContactId) -> Result<()> {
        match audit::current().filter(|request| request.is_change) {
            Some(request) => {
                let entry = AuditEntryItem {
                    on_behalf_of: Some(contact),
                    ..self.new_entry(key, request)
                };
                self.write_audit_entry(&entry).await
            }
            None => Ok(()),
        }
    }

    fn new_entry(&self, key_id: TokenId, request: AuditedRequest) -> AuditEntryItem {
        let created_at = self.clock.now();
        AuditEntryItem {
            day: Day::of(created_at).as_str().to_owned(),
            id: AuditEntryId::new(created_at),
            key_id,
            operation: request.operation.to_owned(),
            target: request.target.into_inner(),
            detail: request.participant.map(|id| id.to_string()),
            on_behalf_of: None,
            request_id: request.request_id,
            created_at,
        }
    }

    async fn write_audit_entry(&self, entry: &AuditEntryItem) -> Result<()> {
        let put = self.db.put_item().table_name(&self.tables.audit);
        let put = put.set_item(Some(to_item(entry)?));
        let put = put.condition_expression("attribute_not_exists(id)");
        // Boxed, because the futures of the SDK are large, and this is seldom needed.
        Box::pin(put.send()).await?;
        Ok(())
    }
}
