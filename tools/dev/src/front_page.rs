//! `/`, which the deployed API does not have: who you can be, and what to try. HTML for browsers, text for curl. Also
//! `/favicon.ico`, which browsers request for every page.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::pages::{self, is_for_this_machine};

/// A router with the page. The text, which contains tokens, is shown only to requests for this machine by name: a page
/// elsewhere could otherwise read it by DNS rebinding.
pub fn router(text: String) -> Router {
    let page = async move |request: Request| page(&request, &text);
    Router::new()
        .route("/", get(page))
        .route("/favicon.ico", get(async || icon()))
}

fn icon() -> Response {
    let icon = include_str!("../pages/icon.svg");
    pages::file("image/svg+xml", "default-src 'none'", icon)
}

fn page(request: &Request, text: &str) -> Response {
    let headers = request.headers();
    let text = if is_for_this_machine(headers) {
        text
    } else {
        "CityPay Messages is running. Its page is shown at http://127.0.0.1 and http://localhost only.\n"
    };
    if !accepts_html(headers) {
        return text.to_owned().into_response();
    }
    pages::html(include_str!("../pages/front.html").replace("{{text}}", &pages::escape(text)))
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    accept.is_some_and(|accept| {
        accept
            .as_bytes()
            .windows(9)
            .any(|part| part == b"text/html")
    })
}
