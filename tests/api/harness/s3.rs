//! What a client does with S3.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::client;

/// A response of S3.
#[derive(Debug)]
pub struct Downloaded {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub content: Vec<u8>,
}

impl Downloaded {
    /// A header; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

/// The headers that an upload asks for.
pub fn headers_of(upload: &Value) -> Vec<(String, String)> {
    let headers = upload["headers"].as_object().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    headers
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

/// Sends a request to S3.
pub async fn requests_s3(
    method: Method,
    url: &str,
    headers: &[(String, String)],
    content: &[u8],
) -> Downloaded {
    let reply = client().send(method, url, headers, content.to_owned());
    let reply = reply.await.expect("S3 responds");
    Downloaded {
        status: reply.status,
        headers: reply.headers,
        content: reply.body.to_vec(),
    }
}

/// Uploads a file. Returns the status.
pub async fn uploads_to_s3(upload: &Value, content: &[u8]) -> u16 {
    let (method, url) = (upload["method"].as_str(), upload["url"].as_str());
    let method = method.unwrap().parse().unwrap();
    let response = requests_s3(method, url.unwrap(), &headers_of(upload), content).await;
    response.status.as_u16()
}

/// Downloads a file.
pub async fn downloads_from_s3(url: &str) -> Downloaded {
    requests_s3(Method::GET, url, &[], &[]).await
}
