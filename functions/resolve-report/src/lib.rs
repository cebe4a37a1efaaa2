//! `PUT /v1/reports/:id`

use serde::Deserialize;
use shared::http::{Request, Response};
use shared::report::Remark;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResolveReport {
    resolution: Remark,
}

/// Resolves a report, for a server key, or changes the resolution of one that is resolved.
///
/// # Errors
///
/// 403 without the scope `moderate`; 404 without such a report.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let id = request.path_id()?;
    let ResolveReport { resolution } = request.body()?;

    let report = store.resolve_report(caller, id, resolution).await?;

    Ok(Response::ok(&report))
}
