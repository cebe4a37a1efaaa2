//! A function that is killed in the middle of a send, at every point where it waits, and the retry.

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
use crate::{World, body, event, with_form};

/// Lets calls of DynamoDB pass but for one, which waits for ever.
struct Gate {
    engine: String,
    client: reqwest::Client,
    calls: AtomicUsize,
    /// Which one waits, and whether it has been carried out by then.
    closed: (usize, bool),
    reached: Notify,
}

impl Gate {
    async fn before(world: &World, closed: (usize, bool)) -> (Arc<Self>, String) {
        let gate = Arc::new(Self {
            engine: world.stack.engine.url(),
            client: reqwest::Client::new(),
            calls: AtomicUsize::new(0),
            closed,
            reached: Notify::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(passes).with_state(gate.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (gate, url)
    }

    async fn forwards(&self, headers: &HeaderMap, body: Bytes) -> Response {
        let answer = forward(&self.client, &self.engine, headers, body).await;
        answer.unwrap()
    }
}

async fn passes(State(gate): State<Arc<Gate>>, headers: HeaderMap, body: Bytes) -> Response {
    let number = gate.calls.fetch_add(1, Ordering::SeqCst);
    let (closed, carried_out) = gate.closed;
    if number != closed {
        return gate.forwards(&headers, body).await;
    }
    if carried_out {
        gate.forwards(&headers, body).await;
    }
    gate.reached.notify_one();
    std::future::pending::<()>().await;
    StatusCode::GATEWAY_TIMEOUT.into_response()
}

/// A send by Linnie under this key.
fn send(key: usize) -> Value {
    let mut event = event("POST /v1/messages", "/v1/messages", "citypay_demo_linnie");
    event["headers"]["idempotency-key"] = json!(format!("key-{key}"));
    // conversation_id=xgQQXg3hrtjh7AvZ&message=You’re
    let form = "Y29udmVyc2F0aW9uX2lkPXhnUVFYZzNocnRqaDdBdlombWVzc2FnZT1Zb3XigJlyZQ==";
    with_form(event, form)
}

/// Kills the function at its call of this number; whether it came so far.
async fn kills_at(world: &World, number: usize, carried_out: bool, key: usize) -> bool {
    let (gate, url) = Gate::before(world, (number, carried_out)).await;
    let mut function = world.function_at("create-message", &url).await;
    let event = send(key);
    let is_killed = tokio::select! {
        answer = function.answers(&event) => {
            assert_eq!(answer["statusCode"], 201, "{answer}");
            false
        }
        () = gate.reached.notified() => true,
    };
    function.dies().await;
    is_killed
}

#[tokio::test]
async fn a_send_that_was_killed_wherever_it_waited_is_there_once_after_the_retry() {
    let world = World::new().await;
    let mut sent = 2;
    for carried_out in [false, true] {
        let mut number = 0;
        loop {
            sent += 1;
            let is_killed = kills_at(&world, number, carried_out, sent).await;
            let mut function = world.function("create-message").await;
            let answer = function.answers(&send(sent)).await;
            assert_eq!(answer["statusCode"], 201, "call {number}: {answer}");
            is_newest_for_all(&world, &body(&answer), sent, number).await;
            if !is_killed {
                break;
            }
            number += 1;
        }
        assert!(number > 5, "there are so many calls: {number}");
    }
}

/// The message is the newest for everybody, in every list, and each has so many.
async fn is_newest_for_all(world: &World, message: &Value, count: usize, call: usize) {
    let limit = Limit::try_from(100).unwrap();
    let window = Window {
        limit,
        cursor: None,
        from: Micros(0),
        until: None,
    };
    let store = &world.stack.store;
    for token in [
        "citypay_demo_kevin",
        "citypay_demo_kate",
        "citypay_demo_linnie",
    ] {
        let caller = Caller::with_token(token);
        let family = demo::CONVERSATION_ID.parse().unwrap();
        for page in [
            store.list_inbox(&caller, &window).await.unwrap(),
            store.list_messages(&caller, family, &window).await.unwrap(),
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
