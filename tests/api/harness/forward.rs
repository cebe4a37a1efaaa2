//! What every stand-in for DynamoDB does with a call that it lets pass.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

/// Passes a call on to the engine, as it came; its answer.
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
    let answer = request.send().await?;
    let content_type = answer.headers()["content-type"].clone();
    let status = answer.status();
    let headers = [("content-type", content_type)];
    Ok((status, headers, answer.bytes().await?).into_response())
}
