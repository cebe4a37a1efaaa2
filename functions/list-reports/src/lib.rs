//! `GET /v1/reports`

use serde::Deserialize;
use shared::http::{self, Request, Response};
use shared::id::ReportId;
use shared::page::Limit;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListReports {
    resolved: Option<bool>,
    limit: Option<Limit>,
    starting_after: Option<ReportId>,
    ending_before: Option<ReportId>,
}

/// Returns a page of the reports that are open, or of those that are resolved, for a server key.
///
/// # Errors
///
/// 403 without the scope `moderate`.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let list: ListReports = request.query()?;
    let cursor = http::cursor(list.starting_after, list.ending_before)?;
    let is_resolved = list.resolved.unwrap_or_default();
    let limit = list.limit.unwrap_or_default();

    let page = store
        .list_reports(caller, is_resolved, cursor, limit)
        .await?;

    Ok(Response::page(&request, &page, cursor.as_ref(), |report| {
        report.id
    }))
}
