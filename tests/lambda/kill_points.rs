//! Kills functions at each of their calls of DynamoDB and S3, and retries the request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use local_stack::demo;
use serde_json::{Value, json};
use shared::attachment::{FileType, NewFile};
use shared::caller::Caller;
use shared::id::{AttachmentId, MessageId};
use shared::page::{Limit, Window};
use shared::store::{Admin, ConversationList, NewMessage};
use shared::time::{Clock, Micros};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::forward::forward;
use crate::{Fixture, body, event, with_form, with_id};

/// A proxy in front of DynamoDB and S3 that forwards all calls but one, which it never responds to.
struct Gate {
    engine: String,
    bucket: String,
    client: reqwest::Client,
    calls: AtomicUsize,
    /// The index of the blocked call, and whether it is executed.
    blocked_call: (usize, bool),
    /// Notified when the blocked call arrives.
    reached: Notify,
}

impl Gate {
    /// Returns the gate, and the URLs of DynamoDB and of the bucket behind it.
    async fn start(fixture: &Fixture, blocked_call: (usize, bool)) -> (Arc<Self>, String, String) {
        let bucket = fixture.stack.bucket.url();
        let (origin, name) = bucket.rsplit_once('/').unwrap();
        let gate = Arc::new(Self {
            engine: fixture.stack.engine.url(),
            bucket: origin.to_owned(),
            client: reqwest::Client::new(),
            calls: AtomicUsize::new(0),
            blocked_call,
            reached: Notify::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(handle).with_state(gate.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let files_url = format!("{url}/{name}");
        (gate, url, files_url)
    }

    async fn forward(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        if parts.headers.contains_key("x-amz-target") {
            return forward(&self.client, &self.engine, &parts.headers, body)
                .await
                .unwrap();
        }
        // With its `Host`, which is signed.
        let url = format!("{}{}", self.bucket, parts.uri);
        let request = self.client.request(parts.method, url);
        let request = request.headers(parts.headers).body(body);
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        (status, headers, response.bytes().await.unwrap()).into_response()
    }
}

async fn handle(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let number = gate.calls.fetch_add(1, Ordering::SeqCst);
    let (blocked_call, executed) = gate.blocked_call;
    if number != blocked_call {
        return gate.forward(request).await;
    }
    if executed {
        gate.forward(request).await;
    }
    gate.reached.notify_one();
    std::future::pending::<()>().await;
    StatusCode::GATEWAY_TIMEOUT.into_response()
}

/// Returns an event with which Linnie sends a message under an idempotency key.
fn send(key: usize) -> Value {
    let mut event = event("POST /v1/messages", "/v1/messages", "citypay_demo_linnie");
    event["headers"]["idempotency-key"] = json!(format!("key-{key}"));
    // conversation_id=xgQQXg3hrtjh7AvZ&message=You’re
    let form = "Y29udmVyc2F0aW9uX2lkPXhnUVFYZzNocnRqaDdBdlombWVzc2FnZT1Zb3XigJlyZQ==";
    with_form(event, form)
}

/// Kills a function at its call with this index; returns whether it made that many calls.
async fn kill_at_call(
    fixture: &Fixture,
    binary: &str,
    event: &Value,
    (number, executed): (usize, bool),
) -> bool {
    let (gate, url, files_url) = Gate::start(fixture, (number, executed)).await;
    let files = [("FILES_URL", files_url.as_str())];
    let mut function = fixture.function_with_variables(binary, &url, &files).await;
    let is_killed = tokio::select! {
        response = function.invoke(event) => {
            assert_done(&response);
            false
        }
        () = gate.reached.notified() => true,
    };
    function.kill().await;
    is_killed
}

/// Checks that the response is a success, or that of a function which removes files.
fn assert_done(response: &Value) {
    let status = response["statusCode"].as_u64();
    let is_success = status.is_some_and(|status| (200..300).contains(&status));
    let is_handled = response["batchItemFailures"] == json!([]);
    assert!(is_success || is_handled, "{response}");
}

#[tokio::test]
async fn a_send_killed_at_any_call_is_stored_once_after_a_retry() {
    let fixture = Fixture::new().await;
    let mut sent = 2;
    for executed in [false, true] {
        let mut number = 0;
        loop {
            sent += 1;
            let at_call = (number, executed);
            let is_killed = kill_at_call(&fixture, "create-message", &send(sent), at_call).await;
            let mut function = fixture.function("create-message").await;
            let response = function.invoke(&send(sent)).await;
            assert_eq!(response["statusCode"], 201, "call {number}: {response}");
            assert_newest_everywhere(&fixture, &body(&response), sent, number).await;
            if !is_killed {
                break;
            }
            number += 1;
        }
        assert!(number > 5, "create-message makes only {number} calls");
    }
}

/// Checks that the message is the newest in every list of every participant, and that each list has `count` messages.
async fn assert_newest_everywhere(fixture: &Fixture, message: &Value, count: usize, call: usize) {
    let limit = Limit::try_from(100).unwrap();
    let window = Window {
        limit,
        cursor: None,
        from: Micros(0),
        until: None,
    };
    let store = &fixture.stack.store;
    for token in [
        "citypay_demo_kevin",
        "citypay_demo_kate",
        "citypay_demo_linnie",
    ] {
        let caller = Caller::with_token(token);
        let conversation = demo::CONVERSATION_ID.parse().unwrap();
        for page in [
            store.list_inbox(&caller, &window).await.unwrap(),
            store
                .list_messages(&caller, conversation, &window)
                .await
                .unwrap(),
        ] {
            assert_eq!(page.data.len(), count, "{token}, call {call}");
            assert_eq!(
                json!(page.data[0].id),
                message["id"],
                "{token}, call {call}"
            );
        }
        let conversations = store
            .list_conversations(&caller, ConversationList::Open, None, limit)
            .await
            .unwrap();
        let conversation = json!(conversations.data[0]);
        assert_eq!(
            conversation["last_message"]["id"], message["id"],
            "{token}, call {call}"
        );
        assert_eq!(
            conversation["last_active_at"], message["created_at"],
            "{token}, call {call}"
        );
    }
}

/// A message of Linnie with two attachments, and an attachment that she has not sent yet.
struct Attached {
    message: MessageId,
    sent: Vec<AttachmentId>,
    pending: AttachmentId,
}

impl Attached {
    async fn new(fixture: &Fixture) -> Self {
        let mut uploaded = Vec::new();
        for _ in 0..3 {
            let file = NewFile {
                filename: "house.jpg".to_owned().try_into().unwrap(),
                file_type: FileType::default(),
                file_size: 1.try_into().unwrap(),
                sha256: None,
            };
            let conversation = demo::CONVERSATION_ID.parse().unwrap();
            let store = &fixture.stack.store;
            let created = store.create_attachment(&linnie(), conversation, file).await;
            let id = created.unwrap().attachment.id;
            let bucket = &fixture.stack.bucket;
            bucket.put(id, "image/jpeg", b"x").unwrap();
            uploaded.push(id);
        }
        let pending = uploaded.pop().unwrap();
        let message = NewMessage::new(None, uploaded.clone().try_into().unwrap()).unwrap();
        let conversation = demo::CONVERSATION_ID.parse().unwrap();
        let store = &fixture.stack.store;
        let linnie = linnie();
        let sent = store.create_message(&linnie, conversation, message, None);
        Self {
            message: sent.await.unwrap().message.id,
            sent: uploaded,
            pending,
        }
    }

    /// The id of an attachment that does not exist.
    fn removed(&self) -> AttachmentId {
        let created_at = Micros(self.pending.created_at().0 + 1);
        AttachmentId::new(created_at, self.pending.conversation())
    }
}

fn linnie() -> Caller {
    Caller::with_token("citypay_demo_linnie")
}

/// A request of Linnie with a JSON body.
fn request(route: &str, path: &str, id: &str, body: &Value) -> Value {
    let mut event = event(route, path, "citypay_demo_linnie");
    event["headers"]["content-type"] = json!("application/json");
    event["pathParameters"] = json!({ "id": id });
    event["body"] = json!(body.to_string());
    event["isBase64Encoded"] = json!(false);
    event
}

/// The event by which the stream of attachments tells of a removal.
fn removal(id: AttachmentId) -> Value {
    json!({"Records": [{
        "eventID": "1",
        "eventName": "REMOVE",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {
                "conversation_id": {"S": id.conversation()},
                "created_at": {"N": id.created_at().0.to_string()},
            },
            "SequenceNumber": "100000000000000001",
            "StreamViewType": "KEYS_ONLY",
        },
    }]})
}

/// The event for a function, on such a message. `key` is different each time.
type MakeEvent = fn(&Attached, key: usize) -> Value;

#[tokio::test]
async fn attachments_and_files_agree_after_a_kill_at_any_call_and_a_retry() {
    let functions: [(&str, usize, MakeEvent); 5] = [
        ("create-message", 6, |attached, key| {
            let body = json!({
                "conversation_id": demo::CONVERSATION_ID,
                "attachments": [attached.pending],
            });
            let mut event = request("POST /v1/messages", "/v1/messages", "", &body);
            event["headers"]["idempotency-key"] = json!(format!("key-{key}"));
            event
        }),
        ("update-message", 4, |attached, _| {
            let id = attached.message.to_string();
            let body = json!({"message": "Look", "attachments": [attached.pending]});
            request(
                "PUT /v1/messages/{id}",
                &format!("/v1/messages/{id}"),
                &id,
                &body,
            )
        }),
        ("delete-message", 2, |attached, _| {
            let id = attached.message.to_string();
            let path = format!("/v1/messages/{id}");
            with_id(
                event("DELETE /v1/messages/{id}", &path, "citypay_demo_linnie"),
                &id,
            )
        }),
        ("delete-attachment", 3, |attached, _| {
            let id = attached.sent[0].to_string();
            let path = format!("/v1/attachments/{id}");
            let route = "DELETE /v1/attachments/{id}";
            with_id(event(route, &path, "citypay_demo_linnie"), &id)
        }),
        ("remove-file", 3, |attached, _| removal(attached.removed())),
    ];
    let fixture = Fixture::new().await;
    let mut key = 0;
    for (binary, calls, make_event) in functions {
        for executed in [false, true] {
            let mut number = 0;
            loop {
                key += 1;
                let attached = Attached::new(&fixture).await;
                if binary == "remove-file" {
                    let bucket = &fixture.stack.bucket;
                    bucket.put(attached.removed(), "image/jpeg", b"x").unwrap();
                }
                let event = make_event(&attached, key);
                let is_killed = kill_at_call(&fixture, binary, &event, (number, executed)).await;
                let mut function = fixture.function(binary).await;
                assert_done(&function.invoke(&event).await);
                assert_consistent(&fixture, &format!("{binary}, call {number}")).await;
                if !is_killed {
                    break;
                }
                number += 1;
            }
            assert!(number >= calls, "{binary} makes only {number} calls");
        }
    }
}

/// Checks that two days later, `doctor` finds nothing once removed files have been removed.
async fn assert_consistent(fixture: &Fixture, case: &str) {
    let stack = &fixture.stack;
    let gateway = stack.gateway(&stack.store).unwrap();
    stack.handle_changes(&gateway).await.unwrap();
    let later = Clock::system().now().after(Duration::from_hours(48));
    let store = stack.store.clone().with_clock(Clock::new(move || later));
    let store = store.with_files(stack.store.files().cloned());
    let report = Admin::new(store).check().await.unwrap();
    let found: Vec<_> = report.inconsistencies().collect();
    assert!(found.is_empty(), "{case}: {found:?}");
}
