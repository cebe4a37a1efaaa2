//! A proxy between the API and DynamoDB that injects the faults that a test chooses.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use local_stack::engine::Engine;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::forward::forward;

/// A fault of a DynamoDB call.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The call fails with this error.
    Error(&'static str),
    /// The transaction is canceled, with this reason for its last item.
    CancelTransaction(&'static str),
    /// All items of the batch are unprocessed.
    Unprocessed,
    /// The call is executed after this many milliseconds.
    Delay(u64),
    /// The call is executed, and fails with this error.
    ErrorAfterwards(&'static str),
    /// The call is executed, and its response never arrives.
    NoResponse,
    /// The query counts this many items: those of an index that lags behind.
    Count(u64),
}

/// A proxy in front of the embedded engine.
pub struct Proxy {
    url: String,
    state: Arc<State>,
}

struct State {
    engine: String,
    client: reqwest::Client,
    /// For each fault, the operation and the number of calls left.
    faults: Mutex<Vec<(&'static str, u32, Fault)>>,
    /// The call to be held.
    hold: Mutex<Option<Hold>>,
    calls: AtomicUsize,
}

/// The next call of an operation is to be held; the other ends of its [`HeldCall`].
struct Hold {
    operation: &'static str,
    arrived: oneshot::Sender<()>,
    release: oneshot::Receiver<()>,
}

/// A call that the proxy holds until it is released.
pub struct HeldCall {
    arrived: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

impl HeldCall {
    /// Waits until the call has arrived.
    pub async fn arrives(&mut self) {
        (&mut self.arrived).await.unwrap();
    }

    /// Executes the call.
    pub fn release(self) {
        self.release.send(()).unwrap();
    }
}

impl Proxy {
    /// Starts a proxy without faults.
    pub async fn start(engine: &Engine) -> Self {
        let state = Arc::new(State {
            engine: engine.url(),
            client: reqwest::Client::new(),
            faults: Mutex::default(),
            hold: Mutex::default(),
            calls: AtomicUsize::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(handle).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Injects a fault into the next `times` calls of an operation; `Query by_time` is a query on an index.
    pub fn inject(&self, operation: &'static str, times: u32, fault: Fault) {
        self.state
            .faults
            .lock()
            .unwrap()
            .push((operation, times, fault));
    }

    /// Holds the next call of an operation.
    pub fn hold(&self, operation: &'static str) -> HeldCall {
        let (send_arrived, arrived) = oneshot::channel();
        let (release, receive_release) = oneshot::channel();
        *self.state.hold.lock().unwrap() = Some(Hold {
            operation,
            arrived: send_arrived,
            release: receive_release,
        });
        HeldCall { arrived, release }
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.state.faults.lock().unwrap().clear();
    }

    /// The number of calls received so far, retries included.
    pub fn calls(&self) -> usize {
        self.state.calls.load(Ordering::Relaxed)
    }

    /// Whether all faults have been injected.
    pub fn is_done(&self) -> bool {
        self.state.faults.lock().unwrap().is_empty()
    }
}

impl State {
    fn next(&self, operation: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let index = faults
            .iter()
            .position(|(expected, ..)| *expected == operation)?;
        let (_, times, fault) = &mut faults[index];
        *times -= 1;
        let (times, fault) = (*times, *fault);
        if times == 0 {
            faults.remove(index);
        }
        Some(fault)
    }

    /// Waits while this call is held.
    async fn wait_while_held(&self, operation: &str) {
        let is_next = |hold: &mut Hold| hold.operation == operation;
        let hold = self.hold.lock().unwrap().take_if(is_next);
        if let Some(hold) = hold {
            hold.arrived.send(()).unwrap();
            hold.release.await.unwrap();
        }
    }

    async fn forward(&self, headers: &HeaderMap, body: Bytes) -> Response {
        let response = forward(&self.client, &self.engine, headers, body).await;
        response.unwrap()
    }
}

async fn handle(
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    state.calls.fetch_add(1, Ordering::Relaxed);
    let target = headers["x-amz-target"].to_str().unwrap();
    let operation = target.split_once('.').unwrap().1.to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap();
    state.wait_while_held(&operation).await;
    let index = request["IndexName"].as_str();
    let on_index = index.and_then(|index| state.next(&format!("{operation} {index}")));
    match on_index.or_else(|| state.next(&operation)) {
        None => state.forward(&headers, body).await,
        Some(Fault::Error(code)) => error_response(code, json!({})),
        Some(Fault::CancelTransaction(code)) => {
            let count = request["TransactItems"].as_array().unwrap().len();
            let mut reasons = vec![json!({"Code": "None"}); count];
            reasons[count - 1] = json!({"Code": code, "Message": "injected"});
            error_response(
                "TransactionCanceledException",
                json!({"CancellationReasons": reasons}),
            )
        }
        Some(Fault::Unprocessed) => json_response(
            StatusCode::OK,
            &match operation.as_str() {
                "BatchWriteItem" => json!({"UnprocessedItems": request["RequestItems"]}),
                _ => json!({"Responses": {}, "UnprocessedKeys": request["RequestItems"]}),
            },
        ),
        Some(Fault::Count(count)) => json_response(
            StatusCode::OK,
            &json!({"Count": count, "ScannedCount": count}),
        ),
        Some(Fault::Delay(milliseconds)) => {
            tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
            state.forward(&headers, body).await
        }
        Some(Fault::ErrorAfterwards(code)) => {
            state.forward(&headers, body).await;
            error_response(code, json!({}))
        }
        Some(Fault::NoResponse) => {
            state.forward(&headers, body).await;
            std::future::pending::<()>().await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
    }
}

fn error_response(code: &str, mut body: Value) -> Response {
    body["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{code}"));
    body["message"] = json!("injected");
    let is_server_error = [
        "InternalFailure",
        "InternalServerError",
        "ServiceUnavailable",
    ]
    .contains(&code);
    json_response(
        if is_server_error {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::BAD_REQUEST
        },
        &body,
    )
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [("content-type", "application/x-amz-json-1.0")],
        body.to_string(),
    )
        .into_response()
}
