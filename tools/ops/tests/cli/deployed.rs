//! `cargo ops --stack …`

use std::process::Command;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use local_stack::stack::Stack;
use local_stack::template;
use serde_json::json;
use shared::id::ContactId;
use shared::store::Admin;

/// Starts a fake of CloudFormation, with one stack, that forwards DynamoDB requests to `engine`; returns its URL.
async fn aws(engine: String) -> String {
    async fn respond(State(engine): State<String>, headers: HeaderMap, body: Bytes) -> Response {
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
        let outputs = tables().into_iter().map(|table| {
            format!(
                "<member><OutputKey>{table}</OutputKey><OutputValue>{table}</OutputValue></member>"
            )
        });
        format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>chat</StackName>\
            <StackId>arn:aws:cloudformation:eu-west-1:123456789012:stack/chat/1</StackId>\
            <Parameters><member><ParameterKey>UsernameReleaseDays</ParameterKey>\
            <ParameterValue>7</ParameterValue></member></Parameters>\
            <Outputs>{}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>",
            outputs.collect::<String>()
        )
        .into_response()
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(respond).with_state(engine);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// The outputs of the template that name a table.
fn tables() -> Vec<String> {
    let template = template::document(include_str!("../../../../template.yaml")).unwrap();
    let outputs = template["Outputs"].as_object().unwrap().keys();
    let tables: Vec<_> = outputs.filter(|name| name.ends_with("Table")).collect();
    assert!(tables.len() >= 13, "{tables:?}");
    tables.into_iter().cloned().collect()
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
            // Of a local engine, which has no CloudFormation, and not this stack's tables.
            .env("DYNAMODB_ENDPOINT", "http://127.0.0.1:1")
            .env("AWS_REGION", "eu-west-1");
        command
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .output()
            .unwrap()
    };
    let added = run(&["--stack", "chat", "contact", "add", "ann"]);
    assert!(added.status.success(), "{added:?}");
    let id: ContactId = String::from_utf8(added.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(
        Admin::new(stack.store.clone())
            .get_contact(id)
            .await
            .unwrap()
            .is_some()
    );
    let given_up = json!({
        "TableName": "ContactsTable",
        "Item": {
            "id": { "S": "@annie" },
            "contact_id": { "S": id },
            "released_at": { "N": "1000000" },
        },
    });
    let given_up = serde_json::from_value(given_up).unwrap();
    stack.engine.database().put_item(given_up).unwrap();
    let shown = run(&["--stack", "chat", "username", "show", "annie"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    let after_7_days = "from 1970-01-08T00:00:01Z";
    assert!(shown.contains(after_7_days), "{shown}");
    let erased = run(&["--stack", "chat", "contact", "erase", "ann", "--yes"]);
    assert!(erased.status.success(), "{erased:?}");
    assert!(
        String::from_utf8(erased.stdout)
            .unwrap()
            .ends_with("remaining 0\n")
    );
    let notes = String::from_utf8(erased.stderr).unwrap();
    let [before, after] = notes.lines().collect::<Vec<_>>()[..] else {
        panic!("{notes}");
    };
    assert!(
        before.contains("can restore the data for 35 days"),
        "{before}"
    );
    assert!(after.contains(&format!("erase {id} again")), "{after}");
    let settings = run(&["--stack", "chat", "env"]);
    let settings = String::from_utf8(settings.stdout).unwrap();
    let settings: Vec<_> = settings.lines().collect();
    for setting in [
        "stack=chat",
        "account=123456789012",
        "region=eu-west-1",
        "TOKEN_IDS_TABLE=TokenIdsTable",
    ] {
        assert!(settings.contains(&setting), "{settings:?}");
    }
    let missing = run(&["--stack", "other", "contact", "list"]);
    assert_eq!(missing.status.code(), Some(1));
    let error = String::from_utf8(missing.stderr).unwrap();
    assert!(
        error.contains("other") && error.contains("does not exist"),
        "{error}"
    );
}
