//! Whom a function trusts to be DynamoDB.

use std::time::Duration;

use local_stack::tls::TlsProxy;
use serde_json::Value;

use crate::{World, event, with_id};

async fn tls_proxy(world: &World, folder: &tempfile::TempDir) -> TlsProxy {
    let engine = world.stack.engine.url();
    let engine = engine.trim_start_matches("http://").parse().unwrap();
    TlsProxy::start(engine, Duration::ZERO, folder.path())
        .await
        .unwrap()
}

/// What `get-message` answers over TLS, and the last line of its log.
async fn get_message(world: &World, url: &str, bundle: &str) -> (Value, Value) {
    let path = format!("/v1/messages/{}", world.message);
    let event = event("GET /v1/messages/{id}", &path, "citypay_demo_kate");
    let variables = [("AWS_CA_BUNDLE", bundle)];
    let mut function = world.function_with("get-message", url, &variables).await;
    let answer = function.answers(&with_id(event, &world.message)).await;
    let log = function.ends().await.pop().unwrap();
    (answer, log)
}

#[tokio::test]
async fn a_certificate_under_another_root_than_amazons_is_refused() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let proxy = tls_proxy(&world, &folder).await;
    let (answer, log) = get_message(&world, &proxy.url, "").await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
    let error = log["error"].as_str().unwrap();
    assert!(error.contains("UnknownIssuer"), "{error}");
}

#[tokio::test]
async fn a_certificate_under_a_root_of_the_bundle_is_trusted_for_its_name() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let proxy = tls_proxy(&world, &folder).await;
    let bundle = proxy.ca_bundle.to_str().unwrap();
    let (answer, _) = get_message(&world, &proxy.url, bundle).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let elsewhere = proxy.url.replace("localhost", "127.0.0.1");
    let (answer, log) = get_message(&world, &elsewhere, bundle).await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
    let error = log["error"].as_str().unwrap();
    assert!(error.contains("not valid for name"), "{error}");
}
