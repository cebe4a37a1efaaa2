//! `POST /v1/messages/:id/report`

use serde::Deserialize;
use shared::http::{Request, Response};
use shared::report::Remark;
use shared::store::CreatedReport;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportMessage {
    reason: Option<Remark>,
}

/// Reports a message of a conversation of the caller to the operator's moderators, once per contact.
///
/// # Errors
///
/// 404 if the message does not exist for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let id = request.path_id()?;
    let ReportMessage { reason } = request.body()?;

    let created = store.report_message(caller, id, reason).await?;

    Ok(match created {
        CreatedReport::New(report) => Response::created(&report),
        CreatedReport::Existing(report) => Response::ok(&report),
    })
}
