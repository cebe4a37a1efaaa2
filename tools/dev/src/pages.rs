//! What the pages of `cargo dev` have in common.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use local_stack::cors::is_this_machine;

/// Nothing but what the page contains, and the icon: no scripts, and no requests to anywhere else.
const POLICY: &str = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A page without scripts.
pub fn html(html: String) -> Response {
    file("text/html; charset=utf-8", POLICY, html)
}

/// A file of this media type, with a `Content-Security-Policy`.
pub fn file(kind: &str, policy: &str, content: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, content).into_response()
}

/// The text with the characters replaced that HTML gives a meaning.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Whether the request names this machine in its `Host`: another name can be an attempt at DNS rebinding.
pub fn is_for_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST);
    let authority = host.map(|host| Authority::try_from(host.as_bytes()));
    matches!(authority, Some(Ok(authority)) if is_this_machine(authority.host()))
}
