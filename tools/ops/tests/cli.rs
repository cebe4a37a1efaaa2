//! `cargo ops` as an operator types it, on the data file of a local stack.

use std::path::Path;
use std::process::{Command, Output};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use dev::stack::Stack;

/// What a command says, if it succeeds.
fn ops(data: &Path, arguments: &[&str]) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = run(data, arguments);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap().trim_end().to_owned()
}

/// What a command says that fails.
fn error(data: &Path, arguments: &[&str]) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = run(data, arguments);
    assert_eq!(
        status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&stdout)
    );
    let error = String::from_utf8(stderr).unwrap();
    assert!(
        error.starts_with("error: ") && error.lines().count() == 1,
        "{error}"
    );
    error
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ops"))
        .arg("--data")
        .arg(data)
        .args(arguments)
        .output()
        .unwrap()
}

/// What the API answers to somebody with this token.
async fn status_with(data: &Path, token: &str) -> u16 {
    let stack = Stack::start(Some(data)).await.unwrap();
    let request = Request::builder()
        .uri("/v1/messages")
        .header("host", "localhost")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    stack
        .gateway(&stack.store)
        .unwrap()
        .answer(request)
        .await
        .status()
        .as_u16()
}

#[test]
fn a_contact_is_added_listed_and_shown() {
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
fn a_username_is_taken_once_in_any_case() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    ops(&data, &["contact", "add", "ann"]);
    assert!(error(&data, &["contact", "add", "ANN"]).contains("taken"));
    assert!(error(&data, &["contact", "add", "no spaces"]).contains("3 to 32 characters"));
    assert!(error(&data, &["contact", "show", "bob"]).contains("bob"));
    assert_eq!(ops(&data, &["contact", "list"]).lines().count(), 1);
}

#[tokio::test]
async fn a_token_lets_its_contact_in_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    ops(&data, &["contact", "add", "ann"]);
    let token = ops(&data, &["token", "issue", "ann", "--label", "laptop"]);
    let other = ops(&data, &["token", "issue", "ann", "--expires-in", "3600"]);
    assert_ne!(token, other);
    assert_eq!(status_with(&data, &token).await, 200);
    let list = ops(&data, &["token", "list", "ann"]);
    assert_eq!(list.lines().count(), 2);
    assert!(!list.contains(&token), "only its hash is kept: {list}");
    let line = list.lines().find(|line| line.contains("laptop")).unwrap();
    assert!(line.ends_with("\tnever"), "{line}");
    let id = line.split('\t').next().unwrap();
    ops(&data, &["token", "revoke", id]);
    assert_eq!(status_with(&data, &token).await, 401);
    assert_eq!(status_with(&data, &other).await, 200);
    assert!(error(&data, &["token", "revoke", id]).contains(id));
    assert!(error(&data, &["token", "revoke", ""]).contains("no token"));
}

#[tokio::test]
async fn a_token_that_has_expired_lets_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    ops(&data, &["contact", "add", "ann"]);
    let token = ops(&data, &["token", "issue", "ann", "--expires-in", "0"]);
    assert_eq!(status_with(&data, &token).await, 401);
}

/// A stand-in for CloudFormation, which knows one stack, and for DynamoDB at one address.
async fn aws(engine: String) -> String {
    async fn answers(State(engine): State<String>, headers: HeaderMap, body: Bytes) -> Response {
        if let Some(target) = headers.get("x-amz-target") {
            let request = reqwest::Client::new().post(&engine).body(body);
            let request = request
                .header("x-amz-target", target)
                .header("authorization", &headers["authorization"]);
            let request = request
                .header("content-type", "application/x-amz-json-1.0")
                .header("x-amz-date", &headers["x-amz-date"]);
            return request
                .send()
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap()
                .into_response();
        }
        if !String::from_utf8_lossy(&body).contains("StackName=chat") {
            let error = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
                <Message>Stack does not exist</Message></Error></ErrorResponse>";
            return (StatusCode::BAD_REQUEST, error).into_response();
        }
        let tables = [
            "Messages",
            "Inbox",
            "Conversations",
            "Contacts",
            "Tokens",
            "Idempotency",
        ];
        let outputs = tables.map(|table| {
            format!("<member><OutputKey>{table}Table</OutputKey><OutputValue>{table}Table</OutputValue></member>")
        });
        format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>chat</StackName>\
            <Outputs>{}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>",
            outputs.concat()
        )
        .into_response()
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answers).with_state(engine);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployed_stack_is_found_by_its_name() {
    let stack = Stack::start(None).await.unwrap();
    let url = aws(stack.engine.url()).await;
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ops"));
        command
            .args(arguments)
            .env("AWS_ENDPOINT_URL", &url)
            .env("AWS_REGION", "eu-west-1");
        command
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .output()
            .unwrap()
    };
    let added = run(&["--stack", "chat", "contact", "add", "ann"]);
    assert!(added.status.success(), "{added:?}");
    let id = String::from_utf8(added.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(stack.store.contact(id).await.unwrap().is_some());
    let missing = run(&["--stack", "other", "contact", "list"]);
    assert_eq!(missing.status.code(), Some(1));
    let error = String::from_utf8(missing.stderr).unwrap();
    assert!(
        error.contains("other") && error.contains("does not exist"),
        "{error}"
    );
}

#[test]
fn it_helps() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    assert!(ops(&data, &["--help"]).contains("contact"));
    assert!(ops(&data, &["completion", "bash"]).contains("complete"));
    assert!(!data.exists(), "neither needs a store");
    assert_eq!(run(&data, &["contact", "remove"]).status.code(), Some(2));
}
