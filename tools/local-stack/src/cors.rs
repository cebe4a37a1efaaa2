//! Cross-origin requests of browsers, which API Gateway answers as `CorsConfiguration` of the template says.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>

use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use serde::Deserialize;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::Error;

/// `CorsConfiguration` of the template, without its origins, which are a parameter.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CorsConfiguration {
    allow_methods: Vec<String>,
    allow_headers: Vec<String>,
    expose_headers: Vec<String>,
    max_age: u64,
}

impl CorsConfiguration {
    /// Allows requests from pages that are served by this machine, on any port, and from `origins`.
    ///
    /// # Errors
    ///
    /// If the template names an invalid method or header.
    pub fn layer(&self, origins: Vec<String>) -> Result<CorsLayer, Error> {
        let methods: Result<Vec<Method>, _> = parsed(&self.allow_methods);
        let allowed: Result<Vec<HeaderName>, _> = parsed(&self.allow_headers);
        let exposed: Result<Vec<HeaderName>, _> = parsed(&self.expose_headers);
        Ok(CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(move |origin, _| {
                is_allowed(origin, &origins)
            }))
            .allow_methods(methods?)
            .allow_headers(allowed?)
            .expose_headers(exposed?)
            .max_age(Duration::from_secs(self.max_age)))
    }
}

/// Answers for the bucket, as its `CorsConfiguration` of the template says: uploads from the same origins as the API,
/// downloads from everywhere, since a browser that is redirected to another host names no origin.
pub fn of_bucket(origins: Vec<String>) -> CorsLayer {
    let is_allowed = move |origin: &HeaderValue, request: &Parts| {
        let asked = request.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
        let method = asked.map_or(request.method.as_str().as_bytes(), HeaderValue::as_bytes);
        method != b"PUT" || is_allowed(origin, &origins)
    };
    let checksum = HeaderName::from_static("x-amz-checksum-sha256");
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_methods([Method::GET, Method::HEAD, Method::PUT])
        .allow_headers([header::CONTENT_TYPE, header::IF_NONE_MATCH, checksum])
}

/// Whether an origin is a page of this machine, or one of `origins`.
fn is_allowed(origin: &HeaderValue, origins: &[String]) -> bool {
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    is_local(origin) || origins.iter().any(|allowed| allowed == origin)
}

fn parsed<T: std::str::FromStr>(texts: &[String]) -> Result<Vec<T>, T::Err> {
    texts.iter().map(|text| text.parse()).collect()
}

/// Whether an origin is a page of this machine.
fn is_local(origin: &str) -> bool {
    let uri: Result<Uri, _> = origin.parse();
    uri.is_ok_and(|uri| uri.host().is_some_and(is_this_machine))
}

/// Whether a host name of a URL always means this machine.
#[must_use]
pub fn is_this_machine(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_machine_are_local_whatever_their_port() {
        for origin in [
            "http://localhost:5173",
            "http://127.0.0.1",
            "https://localhost",
            "http://[::1]:8080",
        ] {
            assert!(is_local(origin), "{origin}");
        }
        for origin in [
            "null",
            "https://example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com:3000",
            "http://localhost@example.com",
        ] {
            assert!(!is_local(origin), "{origin}");
        }
    }
}
