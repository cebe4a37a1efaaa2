//! Kills `create-message` at each of its calls of DynamoDB, and retries the request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use local_stack::demo;
use serde_json::{Value, json};
use shared::caller::Caller;
use shared::page::{Limit, Window};
use shared::time::Micros;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::forward::forward;
use crate::{Fixture, body, event, with_form};

/// A proxy in front of DynamoDB that forwards all calls but one, which it never responds to.
struct Gate {
    engine: String,
    client: reqwest::Client,
    calls: AtomicUsize,
    /// The index of the blocked call, and whether DynamoDB executes it.
    blocked_call: (usize, bool),
    /// Notified when the blocked call arrives.
    reached: Notify,
}

impl Gate {
    async fn start(fixture: &Fixture, blocked_call: (usize, bool)) -> (Arc<Self>, String) {
        let gate = Arc::new(Self {
            engine: fixture.stack.engine.url(),
            client: reqwest::Client::new(),
            calls: AtomicUsize::new(0),
            blocked_call,
            reached: Notify::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(handle).with_state(gate.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (gate, url)
    }

    async fn forward(&self, headers: &HeaderMap, body: Bytes) -> Response {
        let response = forward(&self.client, &self.engine, headers, body).await;
        response.unwrap()
    }
}

async fn handle(State(gate): State<Arc<Gate>>, headers: HeaderMap, body: Bytes) -> Response {
    let number = gate.calls.fetch_add(1, Ordering::SeqCst);
    let (blocked_call, executed) = gate.blocked_call;
    if number != blocked_call {
        return gate.forward(&headers, body).await;
    }
    if executed {
        gate.forward(&headers, body).await;
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

/// Kills the function at its call with this index; returns whether it made that many calls.
async fn kill_at_call(fixture: &Fixture, number: usize, executed: bool, key: usize) -> bool {
    let (gate, url) = Gate::start(fixture, (number, executed)).await;
    let mut function = fixture.function_with_endpoint("create-message", &url).await;
    let event = send(key);
    let is_killed = tokio::select! {
        response = function.invoke(&event) => {
            assert_eq!(response["statusCode"], 201, "{response}");
            false
        }
        () = gate.reached.notified() => true,
    };
    function.kill().await;
    is_killed
}

#[tokio::test]
async fn a_send_killed_at_any_call_is_stored_once_after_a_retry() {
    let fixture = Fixture::new().await;
    let mut sent = 2;
    for executed in [false, true] {
        let mut number = 0;
        loop {
            sent += 1;
            let is_killed = kill_at_call(&fixture, number, executed, sent).await;
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
            .list_conversations(&caller, false, None, limit)
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
