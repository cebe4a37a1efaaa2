//! Which certificates a function accepts from DynamoDB.

use std::time::Duration;

use local_stack::tls::TlsProxy;
use serde_json::Value;

use crate::{Fixture, event, with_id};

/// Starts a TLS proxy in front of the engine of `fixture`.
async fn tls_proxy(fixture: &Fixture, folder: &tempfile::TempDir) -> TlsProxy {
    let engine = fixture.stack.engine.url();
    let engine = engine.trim_start_matches("http://").parse().unwrap();
    TlsProxy::start(engine, Duration::ZERO, folder.path())
        .await
        .unwrap()
}

/// Invokes `get-message` with this DynamoDB endpoint and CA bundle; returns its response and its last log line.
async fn get_message(fixture: &Fixture, url: &str, bundle: &str) -> (Value, Value) {
    let path = format!("/v1/messages/{}", fixture.message);
    let event = event("GET /v1/messages/{id}", &path, "citypay_demo_kate");
    let variables = [("AWS_CA_BUNDLE", bundle)];
    let mut function = fixture
        .function_with_variables("get-message", url, &variables)
        .await;
    let response = function.invoke(&with_id(event, &fixture.message)).await;
    let log = function.stop().await.pop().unwrap();
    (response, log)
}

#[tokio::test]
async fn a_certificate_from_a_root_other_than_amazons_is_refused() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let proxy = tls_proxy(&fixture, &folder).await;
    let (response, log) = get_message(&fixture, &proxy.url, "").await;
    assert_eq!(response["statusCode"], 503, "{response}");
    let error = log["error"].as_str().unwrap();
    assert!(error.contains("UnknownIssuer"), "{error}");
}

#[tokio::test]
async fn a_certificate_from_a_root_in_the_bundle_is_accepted_for_its_host_name_only() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let proxy = tls_proxy(&fixture, &folder).await;
    let bundle = proxy.ca_bundle.to_str().unwrap();
    let (response, _) = get_message(&fixture, &proxy.url, bundle).await;
    assert_eq!(response["statusCode"], 200, "{response}");
    let other_name = proxy.url.replace("localhost", "127.0.0.1");
    let (response, log) = get_message(&fixture, &other_name, bundle).await;
    assert_eq!(response["statusCode"], 503, "{response}");
    let error = log["error"].as_str().unwrap();
    assert!(error.contains("not valid for name"), "{error}");
}
