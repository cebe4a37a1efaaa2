//! `cargo ops contact …` and `cargo ops token …`

use std::path::Path;

use axum::body::Body;
use axum::extract::Request;
use local_stack::stack::Stack;
use shared::time::{Clock, Micros};

use crate::harness::{error, ops, run};

/// Returns the status of an API request with this token.
async fn status_with(data: &Path, token: &str) -> u16 {
    status_after(data, token, 0).await
}

/// Like [`status_with`], with the clock set ahead by `seconds`.
async fn status_after(data: &Path, token: &str, seconds: u64) -> u16 {
    let stack = Stack::start(Some(data)).await.unwrap();
    let moment = Micros(Clock::system().now().0 + seconds * 1_000_000);
    let store = stack.store.clone().with_clock(Clock::new(move || moment));
    let request = Request::builder()
        .uri("/v1/messages")
        .header("host", "localhost")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    stack
        .gateway(&store)
        .unwrap()
        .handle(request)
        .await
        .status()
        .as_u16()
}

#[test]
fn an_added_contact_is_listed_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    let ann = ops(
        &data,
        &[
            "contact",
            "add",
            "Ann",
            "--phone-number",
            "+49 1",
            "--avatar-url",
            "https://a.example/1",
        ],
    );
    let bob = ops(&data, &["contact", "add", "bob"]);
    let list = ops(&data, &["contact", "list"]);
    let mut lines: Vec<_> = list.lines().map(str::trim_end).collect();
    lines.sort_by_key(|line| line.contains("bob"));
    assert_eq!(lines, [format!("{ann}\tAnn\t+49 1"), format!("{bob}\tbob")]);
    for name in ["Ann", "ann", ann.as_str()] {
        let shown = ops(&data, &["contact", "show", name]);
        for value in [ann.as_str(), "Ann", "+49 1", "https://a.example/1"] {
            assert!(shown.contains(value), "{shown}");
        }
    }
}

#[test]
fn usernames_are_unique_regardless_of_case() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    ops(&data, &["contact", "add", "ann"]);
    assert!(error(&data, &["contact", "add", "ANN"]).contains("taken"));
    assert!(error(&data, &["contact", "add", "no spaces"]).contains("3 to 32 characters"));
    assert!(error(&data, &["contact", "show", "bob"]).contains("bob"));
    assert_eq!(ops(&data, &["contact", "list"]).lines().count(), 1);
}

#[tokio::test]
async fn a_token_is_valid_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    ops(&data, &["contact", "add", "ann"]);
    let token = ops(&data, &["token", "issue", "ann", "--label", "laptop"]);
    let other = ops(&data, &["token", "issue", "ann", "--expires-in", "3600"]);
    assert_ne!(token, other);
    assert_eq!(status_with(&data, &token).await, 200);
    let list = ops(&data, &["token", "list", "ann"]);
    assert_eq!(list.lines().count(), 2);
    assert!(!list.contains(&token), "only its hash is stored: {list}");
    let line = list.lines().find(|line| line.contains("laptop")).unwrap();
    assert!(line.ends_with("\tnever"), "{line}");
    let id = line.split('\t').next().unwrap();
    let refused = error(&data, &["token", "revoke", "ann", id]);
    assert!(refused.contains("--yes"), "{refused}");
    assert_eq!(status_with(&data, &token).await, 200);
    ops(&data, &["token", "revoke", "ann", id, "--yes"]);
    assert_eq!(status_with(&data, &token).await, 401);
    assert_eq!(status_with(&data, &other).await, 200);
    assert!(error(&data, &["token", "revoke", "ann", id, "-y"]).contains(id));
    assert!(error(&data, &["token", "revoke", "ann", "", "-y"]).contains("no token"));
}

#[tokio::test]
async fn an_expired_token_returns_401() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    ops(&data, &["contact", "add", "ann"]);
    let token = ops(&data, &["token", "issue", "ann", "--expires-in", "60"]);
    assert_eq!(status_with(&data, &token).await, 200);
    assert_eq!(status_after(&data, &token, 61).await, 401);
    for invalid in ["0", "315360001", "soon"] {
        let output = run(&data, &["token", "issue", "ann", "--expires-in", invalid]);
        assert_eq!(output.status.code(), Some(2), "{invalid}");
    }
}

#[test]
fn a_missing_data_file_is_an_error_except_for_contact_add() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    for arguments in [
        &["contact", "list"][..],
        &["doctor"],
        &["conversation", "list"],
    ] {
        assert!(error(&data, arguments).contains("no such file"));
    }
    assert!(!data.exists());
    ops(&data, &["contact", "add", "ann"]);
    assert!(ops(&data, &["doctor"]).contains("contacts"));
}
