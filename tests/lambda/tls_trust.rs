//! Which certificates a function accepts from DynamoDB, and from the identity provider.

use std::time::Duration;

use local_stack::tls::TlsProxy;
use serde_json::{Value, json};

use crate::issuer::{AUDIENCE, Issuer, SigningKey};
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

/// Invokes `get-me` with a JSON Web Token of an identity provider behind TLS, whose root is in this file; returns its
/// response and its last log line.
async fn get_me_from(
    proxy: &TlsProxy,
    issuer: &Issuer,
    key: &SigningKey,
    roots: &str,
) -> (Value, Value) {
    let fixture = Fixture::new().await;
    issuer.describes_itself_as(&proxy.url, &format!("{}/keys", proxy.url));
    let mut claims = issuer.claims("marv");
    claims["iss"] = json!(proxy.url);
    let event = event("GET /v1/me", "/v1/me", &key.signs(&claims));
    let variables = [
        ("JWT_ISSUER", proxy.url.as_str()),
        ("JWT_AUDIENCE", AUDIENCE),
        ("JWT_CREATES_CONTACTS", "true"),
        ("SSL_CERT_FILE", roots),
    ];
    let engine = fixture.stack.engine.url();
    let mut function = fixture
        .function_with_variables("get-me", &engine, &variables)
        .await;
    let response = function.invoke(&event).await;
    let log = function.stop().await.pop().unwrap();
    (response, log)
}

#[tokio::test]
async fn the_identity_provider_needs_a_certificate_from_a_root_of_the_system() {
    let key = SigningKey::es256("key");
    let issuer = Issuer::start(&[&key]).await;
    let address = issuer.url.trim_start_matches("http://").parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let proxy = TlsProxy::start(address, Duration::ZERO, folder.path());
    let proxy = proxy.await.unwrap();
    let roots = proxy.ca_bundle.to_str().unwrap();
    let (response, log) = get_me_from(&proxy, &issuer, &key, roots).await;
    assert_eq!(response["statusCode"], 200, "{response} {log}");
    // Those of the machine, or none.
    let (response, log) = get_me_from(&proxy, &issuer, &key, "").await;
    assert_eq!(response["statusCode"], 503, "{response}");
    let error = log["error"].as_str().unwrap();
    assert!(error.contains(&proxy.url), "{error}");
}
