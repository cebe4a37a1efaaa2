//! Forwards DynamoDB calls to the embedded engine.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

/// Forwards a call to the engine unchanged. Returns the response.
pub async fn forward(
    client: &reqwest::Client,
    engine: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> reqwest::Result<Response> {
    let mut request = client.post(engine).body(body);
    for name in [
        "x-amz-target",
        "content-type",
        "authorization",
        "x-amz-date",
    ] {
        request = request.header(name, &headers[name]);
    }
    let response = request.send().await?;
    let content_type = response.headers()["content-type"].clone();
    let status = response.status();
    let headers = [("content-type", content_type)];
    Ok((status, headers, response.bytes().await?).into_response())
}
