//! `/chat`, which the deployed API does not have: a page on which the demo contacts talk, on the public API only.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use local_stack::demo::CONTACTS;
use serde_json::{Value, json};

use crate::pages::{file, is_for_this_machine};

/// The page loads its own files and calls this API, the bucket and the sockets, nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self' {{bucket}} {{sockets}}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files of the page by name, with their types.
const FILES: [(&str, &str, &str); 6] = [
    (
        "chat.css",
        "text/css",
        include_str!("../pages/chat/chat.css"),
    ),
    (
        "chat.js",
        "text/javascript",
        include_str!("../pages/chat/chat.js"),
    ),
    (
        "api.js",
        "text/javascript",
        include_str!("../pages/chat/api.js"),
    ),
    (
        "live.js",
        "text/javascript",
        include_str!("../pages/chat/live.js"),
    ),
    (
        "state.js",
        "text/javascript",
        include_str!("../pages/chat/state.js"),
    ),
    (
        "view.js",
        "text/javascript",
        include_str!("../pages/chat/view.js"),
    ),
];

/// A router with the page, whose files are in the bucket at this URL, and which opens sockets at the other one. It offers
/// the demo contacts if there are any, to requests for this machine by name.
pub fn router(has_demo_data: bool, bucket: &str, sockets: String) -> Router {
    let policy = POLICY.replace("{{bucket}}", &format!("{bucket}/"));
    let policy: Arc<str> = policy.replace("{{sockets}}", &sockets).into();
    let page_policy = policy.clone();
    let setup = async move |request: Request| {
        let may_choose = has_demo_data && is_for_this_machine(request.headers());
        let people = if may_choose { people() } else { json!([]) };
        let setup = json!({ "people": people, "sockets": sockets });
        file("application/json", &policy, setup.to_string())
    };
    let page = async move || {
        file(
            "text/html; charset=utf-8",
            &page_policy,
            include_str!("../pages/chat/chat.html"),
        )
    };
    Router::new()
        .route("/chat", get(page))
        .route("/chat/setup.json", get(setup))
        .route("/chat/{name}", get(named))
}

/// The demo contacts and their tokens.
fn people() -> Value {
    let people = CONTACTS.iter();
    people
        .map(|contact| json!({"username": contact.username, "token": contact.token}))
        .collect()
}

async fn named(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        // The policy of the page applies to what it loads.
        Some((_, kind, content)) => file(kind, "default-src 'none'", *content),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
