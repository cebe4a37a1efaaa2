//! `cargo ops contact …`, `cargo ops token …` and `cargo ops key …`

use std::path::Path;

use axum::body::Body;
use axum::extract::Request;
use local_stack::stack::Stack;
use shared::caller::Caller;
use shared::time::{Clock, Micros};
use shared::token::Label;

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

#[tokio::test]
async fn a_contact_can_be_added_with_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    let added = ops(&data, &["contact", "add", "ann", "--with-token"]);
    let [id, token] = added.lines().collect::<Vec<_>>()[..] else {
        panic!("{added}");
    };
    assert!(ops(&data, &["contact", "show", "ann"]).contains(id));
    assert_eq!(status_with(&data, token).await, 200);
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

#[test]
fn a_username_that_contacts_cannot_choose_can_be_given() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    ops(&data, &["contact", "add", "support"]);
    let like_id = run(&data, &["contact", "add", "WAz8eIbvDR60rouK"]);
    assert!(like_id.status.success());
    let note = String::from_utf8(like_id.stderr).unwrap();
    assert!(
        note.contains("WAz8eIbvDR60rouK has the shape of an id"),
        "{note}"
    );
    let shown = ops(&data, &["contact", "show", "WAz8eIbvDR60rouK"]);
    assert!(shown.contains("WAz8eIbvDR60rouK"), "{shown}");
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
    let columns: Vec<_> = line.split('\t').collect();
    assert_eq!(columns[3..5], ["never", "operator"], "{line}");
    let is_time = |text: &str| text.len() == 20 && text.starts_with("20") && text.ends_with('Z');
    assert!(
        is_time(columns[2]) && is_time(columns[5]),
        "it was used: {line}"
    );
    let id = columns[0];
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
async fn revoking_a_token_revokes_those_that_were_issued_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    ops(&data, &["contact", "add", "ann"]);
    let token = ops(&data, &["token", "issue", "ann", "--label", "laptop"]);
    let other = ops(&data, &["token", "issue", "ann"]);
    let stack = Stack::start(Some(&data)).await.unwrap();
    let caller = Caller::with_token(&token);
    let child = stack.store.create_token(&caller, Label::default(), None);
    let child = child.await.unwrap();
    drop(stack);
    let list = ops(&data, &["token", "list", "ann"]);
    let laptop = list.lines().find(|line| line.contains("laptop")).unwrap();
    let laptop = laptop.split('\t').next().unwrap();
    let line = list
        .lines()
        .find(|line| line.starts_with(&child.token.id.to_string()));
    let columns: Vec<_> = line.unwrap().split('\t').collect();
    assert_eq!(columns[3..], ["never", laptop, "never"], "{list}");
    let refused = error(&data, &["token", "revoke", "ann", laptop]);
    assert!(
        refused.contains("all that were issued with it"),
        "{refused}"
    );
    assert_eq!(status_with(&data, &child.secret).await, 200);
    ops(&data, &["token", "revoke", "ann", laptop, "--yes"]);
    for revoked in [&token, &child.secret] {
        assert_eq!(status_with(&data, revoked).await, 401);
    }
    assert_eq!(status_with(&data, &other).await, 200);
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

#[tokio::test]
async fn a_server_key_is_valid_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    ops(&data, &["contact", "add", "ann", "--external-id", "user-1"]);
    let issue = ["key", "issue", "--label", "backend", "--scope"];
    let key = ops(&data, &[&issue[..], &["contacts,tokens"]].concat());
    assert!(key.starts_with("citypay_sk_"), "{key}");
    assert_eq!(key.len(), "citypay_sk_".len() + 64);
    // A server key is no contact.
    assert_eq!(status_with(&data, &key).await, 403);
    let list = ops(&data, &["key", "list"]);
    assert!(!list.contains(&key), "only its hash is stored: {list}");
    let columns: Vec<_> = list.split('\t').collect();
    assert_eq!(columns[1..3], ["backend", "contacts,tokens"], "{list}");
    assert_eq!(columns[4], "never", "{list}");
    assert!(columns[5].starts_with("20"), "it was used: {list}");
    let json = ops(&data, &["key", "list", "--json"]);
    assert!(json.contains(r#""scopes":["contacts","tokens"]"#), "{json}");
    let id = columns[0];
    let refused = error(&data, &["key", "revoke", id]);
    assert!(
        refused.contains("backend") && refused.contains("--yes"),
        "{refused}"
    );
    assert_eq!(status_with(&data, &key).await, 403);
    ops(&data, &["key", "revoke", id, "--yes"]);
    assert_eq!(status_with(&data, &key).await, 401);
    assert!(error(&data, &["key", "revoke", id, "--yes"]).contains(id));
    for wrong in [&["key", "issue"][..], &["key", "issue", "--scope", "admin"]] {
        assert_eq!(run(&data, wrong).status.code(), Some(2));
    }
    let ann = ops(&data, &["contact", "show", "ann"]);
    assert!(ann.contains("user-1"), "{ann}");
    let taken = error(&data, &["contact", "add", "bob", "--external-id", "user-1"]);
    assert!(taken.contains("user-1"), "{taken}");
    let contacts = ops(&data, &["contact", "list"]);
    assert_eq!(contacts.lines().count(), 1, "{contacts}");
}
