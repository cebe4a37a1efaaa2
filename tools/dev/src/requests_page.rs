//! `/requests`, which the deployed API does not have: the last requests, and what each would cost on AWS.

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use local_stack::prices::dollars_per_million_requests;
use serde_json::Value;

use crate::pages::{self, escape, is_for_this_machine};
use crate::recent_requests::{RecentRequests, contact_name};

/// A router with the page.
pub fn router(recent: RecentRequests) -> Router {
    let page = async move |request: Request| page(&request, &recent);
    Router::new().route("/requests", get(page))
}

fn page(request: &Request, recent: &RecentRequests) -> Response {
    if !is_for_this_machine(request.headers()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let rows: String = recent.lines().iter().map(row).collect();
    pages::html(include_str!("../pages/requests.html").replace("{{rows}}", &rows))
}

/// The row of a request. The log line has neither tokens nor texts.
fn row(line: &Value) -> String {
    let field = |name: &str| line[name].as_str().unwrap_or_default();
    let number = |name: &str| line[name].as_f64().unwrap_or_default();
    let written = number("write_units") + number("unreported_units");
    let files = number("file_units");
    let dollars = dollars_per_million_requests(number("read_units"), written + files);
    let time = field("timestamp");
    let cells = [
        format!(
            r#"<time datetime="{time}">{}</time>"#,
            time.get(11..19).unwrap_or_default()
        ),
        line["status"].to_string(),
        escape(field("operation")),
        escape(contact_name(line)),
        format!("{:.1}", number("duration_ms")),
        line["dynamodb_calls"].to_string(),
        line["round_trips"].to_string(),
        number("read_units").to_string(),
        written.to_string(),
        files.to_string(),
        format!("{dollars:.2}"),
        escape(field("error")),
        format!("<code>{}</code>", escape(field("request_id"))),
    ];
    let cells: String = cells.map(|cell| format!("<td>{cell}</td>")).concat();
    format!("<tr>{cells}</tr>\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_has_the_cost_and_no_html_of_the_line() {
        let line = json!({
            "timestamp": "2026-11-24T22:49:36.123456Z", "status": 201, "operation": "create-message",
            "contact_id": "WAz8eIbvDR60rouK", "duration_ms": 6.44, "dynamodb_calls": 7, "round_trips": 3,
            "read_units": 4.0, "write_units": 17.0, "unreported_units": 1.0, "file_units": 8,
            "error": "<b>", "request_id": "8Dr7",
        });
        let row = row(&line);
        for cell in [
            "22:49:36",
            "201",
            "KevinMcCallister",
            "6.4",
            "7",
            "18",
            "8",
            "18.44",
            "&lt;b&gt;",
        ] {
            assert!(row.contains(&format!(">{cell}<")), "{cell}: {row}");
        }
    }
}
