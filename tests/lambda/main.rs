//! Tests of the compiled functions, each in its own process with a local Lambda runtime API.
//!
//! The events have the format of API Gateway (payload format 2.0).

#[path = "../api/harness/forward.rs"]
mod forward;
mod function;
#[path = "../api/harness/issuer.rs"]
#[allow(dead_code, reason = "the API tests use the rest")]
mod issuer;
mod kill_points;
mod malformed_events;
mod tls_trust;

use local_stack::lambda::{event, with_form};
use local_stack::stack::Stack;
use local_stack::{demo, functions};
use serde_json::{Value, json};

use function::Function;

/// A local stack with the demo data, and functions that use it.
struct Fixture {
    stack: Stack,
    /// The id of Kevin's message.
    message: String,
}

impl Fixture {
    async fn new() -> Self {
        let stack = Stack::start(None).await.unwrap();
        demo::load(&stack.store, &stack.bucket).await.unwrap();
        Self {
            stack,
            message: demo::message_ids().unwrap()[0].to_string(),
        }
    }

    /// Starts a function.
    async fn function(&self, binary: &str) -> Function {
        self.function_with_endpoint(binary, &self.stack.engine.url())
            .await
    }

    /// Starts a function that uses DynamoDB at `endpoint`.
    async fn function_with_endpoint(&self, binary: &str, endpoint: &str) -> Function {
        self.function_with_variables(binary, endpoint, &[]).await
    }

    /// Starts a function with additional environment variables.
    async fn function_with_variables(
        &self,
        binary: &str,
        endpoint: &str,
        more: &[(&str, &str)],
    ) -> Function {
        let files_url = self.stack.bucket.url();
        let variables = self.stack.variables().chain([
            ("DYNAMODB_ENDPOINT", endpoint),
            ("FILES_URL", &files_url),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
        ]);
        let variables = variables.chain(more.iter().copied());
        Function::start(binary, variables.collect()).await
    }
}

fn with_id(mut event: Value, id: &str) -> Value {
    event["pathParameters"] = json!({ "id": id });
    event
}

fn body(response: &Value) -> Value {
    serde_json::from_str(response["body"].as_str().expect("the body is a string")).unwrap()
}

#[tokio::test]
async fn list_messages_returns_a_page_with_a_link_to_the_next() {
    let fixture = Fixture::new().await;
    let mut function = fixture.function("list-messages").await;
    let mut event = event("GET /v1/messages", "/v1/messages", "citypay_demo_kevin");
    event["rawQueryString"] = json!("conversation_id=xgQQXg3hrtjh7AvZ&limit=1");
    event["queryStringParameters"] = json!({"conversation_id": "xgQQXg3hrtjh7AvZ", "limit": "1"});
    let response = function.invoke(&event).await;
    assert_eq!(response["statusCode"], 200, "{response}");
    assert_eq!(body(&response)["has_more"], true);
    assert!(
        response["headers"]["link"]
            .as_str()
            .unwrap()
            .contains("rel=\"next\""),
        "{response}"
    );
}

#[tokio::test]
async fn create_message_accepts_a_base64_encoded_form() {
    let fixture = Fixture::new().await;
    let mut function = fixture.function("create-message").await;
    let event = event("POST /v1/messages", "/v1/messages", "citypay_demo_linnie");
    // conversation_id=xgQQXg3hrtjh7AvZ&message=You’re
    let form = "Y29udmVyc2F0aW9uX2lkPXhnUVFYZzNocnRqaDdBdlombWVzc2FnZT1Zb3XigJlyZQ==";
    let response = function.invoke(&with_form(event, form)).await;
    assert_eq!(response["statusCode"], 201, "{response}");
    assert_eq!(body(&response)["message"], "You’re");
    let location = format!("/v1/messages/{}", body(&response)["id"].as_str().unwrap());
    assert_eq!(response["headers"]["location"], location.as_str());
}

#[tokio::test]
async fn get_message_responds_the_same_cold_and_warm_and_logs_one_line_each() {
    let fixture = Fixture::new().await;
    let mut function = fixture.function("get-message").await;
    let path = format!("/v1/messages/{}", fixture.message);
    let event = with_id(
        event("GET /v1/messages/{id}", &path, "citypay_demo_kate"),
        &fixture.message,
    );
    let cold = function.invoke(&event).await;
    let warm = function.invoke(&event).await;
    assert_eq!(cold["statusCode"], 200, "{cold}");
    assert_eq!(
        body(&cold)["message"],
        "It’s a nice night for a neck injury."
    );
    assert_eq!(body(&cold), body(&warm));
    let lines = function.stop().await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(
        [&lines[0]["cold_start"], &lines[1]["cold_start"]],
        [true, false]
    );
    for (line, response) in lines.iter().zip([cold, warm]) {
        assert_eq!(line["operation"], "get-message");
        assert_eq!(line["request_id"], response["headers"]["x-request-id"]);
    }
}

#[tokio::test]
async fn update_message_adds_a_reaction() {
    let fixture = Fixture::new().await;
    let mut function = fixture.function("update-message").await;
    let path = format!("/v1/messages/{}", fixture.message);
    let event = with_id(
        event("PUT /v1/messages/{id}", &path, "citypay_demo_kate"),
        &fixture.message,
    );
    // reactions[heart][]=KateMcCallister
    let form = "cmVhY3Rpb25zW2hlYXJ0XVtdPUthdGVNY0NhbGxpc3Rlcg==";
    let response = function.invoke(&with_form(event, form)).await;
    assert_eq!(response["statusCode"], 200, "{response}");
    let reactions =
        json!([{"heart": ["KateMcCallister"]}, {"red_angry_face": ["KateMcCallister"]}]);
    assert_eq!(body(&response)["reactions"], reactions);
}

#[tokio::test]
async fn delete_message_returns_204_without_a_body() {
    let fixture = Fixture::new().await;
    let mut function = fixture.function("delete-message").await;
    let path = format!("/v1/messages/{}", fixture.message);
    let event = with_id(
        event("DELETE /v1/messages/{id}", &path, "citypay_demo_kevin"),
        &fixture.message,
    );
    let response = function.invoke(&event).await;
    assert_eq!(response["statusCode"], 204, "{response}");
    assert_eq!(
        response
            .get("body")
            .and_then(Value::as_str)
            .unwrap_or_default(),
        "",
        "{response}"
    );
}

#[tokio::test]
async fn every_binary_runs_the_operation_of_its_name() {
    let fixture = Fixture::new().await;
    for binary in functions::all().into_keys() {
        let mut function = fixture.function(binary).await;
        let unauthenticated = event("GET /", "/", "unknown");
        let response = function.invoke(&unauthenticated).await;
        let expected = if binary == "unknown-route" { 404 } else { 401 };
        assert_eq!(response["statusCode"], expected, "{binary}: {response}");
        let lines = function.stop().await;
        assert_eq!(lines[0]["operation"], binary, "{lines:?}");
    }
}

#[tokio::test]
async fn remove_file_removes_the_files_of_removed_attachments() {
    let fixture = Fixture::new().await;
    let mut function = fixture.function("remove-file").await;
    let record = |name: &str, created_at: &str| {
        json!({
            "eventID": "1",
            "eventName": name,
            "eventSource": "aws:dynamodb",
            "dynamodb": {
                "Keys": {
                    "conversation_id": {"S": demo::CONVERSATION_ID},
                    "created_at": {"N": created_at},
                },
                "SequenceNumber": format!("10000000000000000{created_at}"),
                "StreamViewType": "KEYS_ONLY",
            },
        })
    };
    // So old that they cannot be uploaded anymore.
    let records = [
        record("INSERT", "1"),
        record("REMOVE", "2"),
        record("REMOVE", "3"),
    ];
    let response = function.invoke(&json!({ "Records": records })).await;
    assert_eq!(response, json!({ "batchItemFailures": [] }));
    let lines = function.stop().await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(
        (&lines[0]["operation"], &lines[0]["count"]),
        (&json!("remove-file"), &json!(2))
    );
    // Without S3, Lambda is told to repeat from the first that failed.
    let nowhere = [("FILES_URL", "http://127.0.0.1:1/files")];
    let endpoint = fixture.stack.engine.url();
    let mut function = fixture
        .function_with_variables("remove-file", &endpoint, &nowhere)
        .await;
    let response = function.invoke(&json!({ "Records": records })).await;
    let failed = |created_at| json!({"itemIdentifier": format!("10000000000000000{created_at}")});
    assert_eq!(
        response,
        json!({ "batchItemFailures": [failed(2), failed(3)] })
    );
    let lines = function.stop().await;
    assert_eq!(
        (&lines[0]["level"], &lines[0]["failed"]),
        (&json!("ERROR"), &json!(2))
    );
}

#[tokio::test]
async fn unknown_route_returns_404_for_unknown_paths_and_405_for_unknown_methods() {
    let fixture = Fixture::new().await;
    let mut function = fixture.function("unknown-route").await;
    let mut unknown = event("$default", "/unknown", "x");
    unknown["requestContext"]["http"]["method"] = json!("GET");
    assert_eq!(function.invoke(&unknown).await["statusCode"], 404);
    let mut patch = event("$default", "/v1/messages", "x");
    patch["requestContext"]["http"]["method"] = json!("PATCH");
    let response = function.invoke(&patch).await;
    assert_eq!(
        (&response["statusCode"], &response["headers"]["allow"]),
        (&json!(405), &json!("GET, POST"))
    );
}

#[tokio::test]
async fn a_function_without_table_names_fails_at_start_with_the_missing_variable() {
    let error = Function::start_error("get-message", vec![("AWS_REGION", "eu-west-1")]).await;
    assert!(error.contains("MESSAGES_TABLE"), "{error}");
}
