//! `cargo ops smoke`, over TLS.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use local_stack::stack::Stack;
use local_stack::tls::TlsProxy;
use serde_json::json;
use shared::caller::Caller;
use shared::id::ContactId;
use shared::metadata::Metadata;
use shared::store::{Admin, ContactProfile, NewContact};
use shared::time::Clock;
use shared::token::Label;
use tempfile::TempDir;

const TOKEN: &str = "citypay_smoke";

/// An API behind TLS, with one contact.
struct Api {
    stack: Stack,
    proxy: TlsProxy,
    _folder: TempDir,
}

impl Api {
    async fn start() -> Self {
        let stack = Stack::start(None).await.unwrap();
        let admin = Admin::new(stack.store.clone());
        let contact = NewContact {
            id: ContactId::random(),
            profile: ContactProfile {
                username: "smoke".to_owned().try_into().unwrap(),
                phone_number: None,
                avatar_url: None,
                metadata: Metadata::default(),
                external_id: None,
            },
            last_active_at: None,
            created_at: Clock::system().now(),
        };
        let id = contact.id;
        admin.create_contact(contact).await.unwrap();
        let caller = Caller::with_token(TOKEN);
        let token = admin.import_token(&caller, id, Label::default(), None);
        token.await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let api = stack.api(&stack.store).unwrap();
        tokio::spawn(async move { axum::serve(listener, api).await });
        let folder = tempfile::tempdir().unwrap();
        let proxy = TlsProxy::start(address, Duration::ZERO, folder.path()).await;
        Self {
            stack,
            proxy: proxy.unwrap(),
            _folder: folder,
        }
    }

    fn count(&self, table: &str) -> u64 {
        let scan = serde_json::from_value(json!({ "TableName": table })).unwrap();
        let found = self.stack.engine.database().scan(scan).unwrap();
        serde_json::to_value(found).unwrap()["Count"]
            .as_u64()
            .unwrap()
    }
}

fn smoke(url: &str, token: &str, roots: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ops"))
        .args(["smoke", "--url", url, "--token", token])
        .env("SSL_CERT_FILE", roots)
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_working_api_passes_over_tls_and_nothing_is_left() {
    let api = Api::start().await;
    let output = smoke(&api.proxy.url, TOKEN, &api.proxy.ca_bundle);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("FAIL"), "{text}");
    for expected in [
        "ok    a token is accepted",
        "note  WWW-Authenticate arrives under its own name",
        "ok    a message that is sent twice is stored once",
        "ok    a file is uploaded, sent and downloaded",
        "ok    the conversation is deleted again",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    for table in [
        "MessagesTable",
        "InboxTable",
        "ConversationsTable",
        "AttachmentsTable",
    ] {
        assert_eq!(api.count(table), 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_reported_and_the_exit_status_is_1() {
    let api = Api::start().await;
    let wrong_token = smoke(&api.proxy.url, "wrong", &api.proxy.ca_bundle);
    assert_eq!(wrong_token.status.code(), Some(1));
    let text = String::from_utf8(wrong_token.stdout).unwrap();
    let expected = "FAIL  a token is accepted: 401 Unauthorized token_invalid, request ";
    assert!(text.starts_with(expected), "{text}");

    let none = tempfile::NamedTempFile::new().unwrap();
    let untrusted = smoke(&api.proxy.url, TOKEN, none.path());
    assert_eq!(untrusted.status.code(), Some(1));
    let text = String::from_utf8(untrusted.stdout).unwrap();
    assert!(text.contains("certificate"), "the cause is named: {text}");

    // Something else than the API: every path is 200.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let other = axum::Router::new().fallback(async || r#"{"username": "smoke"}"#);
    tokio::spawn(async move { axum::serve(listener, other).await });
    let other = smoke(&url, TOKEN, none.path());
    assert_eq!(other.status.code(), Some(1));
    let text = String::from_utf8(other.stdout).unwrap();
    for expected in [
        "note  the URL is not https",
        "ok    a token is accepted",
        "FAIL  no token is 401: 200 OK",
        "FAIL  a conversation is created",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}
