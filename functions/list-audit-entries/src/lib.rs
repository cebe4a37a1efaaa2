//! `GET /v1/audit`

use serde::Deserialize;
use shared::audit::Day;
use shared::http::{self, Request, Response};
use shared::id::AuditEntryId;
use shared::page::Limit;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListAuditEntries {
    day: Option<Day>,
    limit: Option<Limit>,
    starting_after: Option<AuditEntryId>,
    ending_before: Option<AuditEntryId>,
}

/// Returns a page of what server keys did on a day, for a server key.
///
/// # Errors
///
/// 403 without the scope `export`.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let list: ListAuditEntries = request.query()?;
    let cursor = http::cursor(list.starting_after, list.ending_before)?;
    let limit = list.limit.unwrap_or_default();

    let page = store
        .list_audit_entries(caller, list.day, cursor, limit)
        .await?;

    Ok(Response::page(&request, &page, cursor.as_ref(), |entry| {
        entry.id
    }))
}
