//! The table of the audit trail: `day` and `id` are the key. Nothing changes or deletes what it has.

use serde::{Deserialize, Serialize};

use crate::audit::AuditEntry;
use crate::id::{AuditEntryId, ContactId, TokenId};
use crate::time::Micros;

#[derive(Deserialize, Serialize)]
pub struct AuditEntryItem {
    /// In UTC: `2026-11-29`.
    pub day: String,
    pub id: AuditEntryId,
    pub key_id: TokenId,
    pub operation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<ContactId>,
    pub request_id: String,
    pub created_at: Micros,
}

impl AuditEntryItem {
    pub fn render(self) -> AuditEntry {
        AuditEntry {
            id: self.id,
            key_id: self.key_id,
            operation: self.operation,
            target: self.target,
            detail: self.detail,
            on_behalf_of: self.on_behalf_of,
            request_id: self.request_id,
            created_at: self.created_at.into(),
        }
    }
}
