//! Something between the functions and DynamoDB that makes trouble when it is told to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use local_stack::engine::Engine;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::forward::forward;

/// A kind of trouble.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// DynamoDB refuses the call with this error.
    Error(&'static str),
    /// DynamoDB cancels a transaction, for this reason on its last item.
    CancelTransaction(&'static str),
    /// DynamoDB leaves all of a batch unprocessed.
    Unprocessed,
    /// The call is carried out, so many milliseconds later.
    Delay(u64),
    /// The call is carried out, and its answer never arrives.
    NoResponse,
}

/// A proxy in front of an engine.
pub struct Proxy {
    url: String,
    state: Arc<Plan>,
}

struct Plan {
    engine: String,
    client: reqwest::Client,
    /// For which operation, how many more times, and what.
    faults: Mutex<Vec<(&'static str, u32, Fault)>>,
    calls: AtomicUsize,
}

impl Proxy {
    pub async fn start(engine: &Engine) -> Self {
        let state = Arc::new(Plan {
            engine: engine.url(),
            client: reqwest::Client::new(),
            faults: Mutex::default(),
            calls: AtomicUsize::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(passes_on).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on, the next `times` calls of an operation meet this.
    pub fn inject(&self, operation: &'static str, times: u32, fault: Fault) {
        self.state
            .faults
            .lock()
            .unwrap()
            .push((operation, times, fault));
    }

    /// Ends all faults.
    pub fn clear(&self) {
        self.state.faults.lock().unwrap().clear();
    }

    /// The number of calls received so far, retries included.
    pub fn calls(&self) -> usize {
        self.state.calls.load(Ordering::Relaxed)
    }

    /// Whether all the trouble has been made.
    pub fn is_done(&self) -> bool {
        self.state.faults.lock().unwrap().is_empty()
    }
}

impl Plan {
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

    async fn forward(&self, headers: &HeaderMap, body: Bytes) -> Response {
        let answer = forward(&self.client, &self.engine, headers, body).await;
        answer.unwrap()
    }
}

async fn passes_on(State(plan): State<Arc<Plan>>, headers: HeaderMap, body: Bytes) -> Response {
    plan.calls.fetch_add(1, Ordering::Relaxed);
    let target = headers["x-amz-target"].to_str().unwrap();
    let operation = target.split_once('.').unwrap().1.to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap();
    match plan.next(&operation) {
        None => plan.forward(&headers, body).await,
        Some(Fault::Error(code)) => refusal(code, json!({})),
        Some(Fault::CancelTransaction(code)) => {
            let count = request["TransactItems"].as_array().unwrap().len();
            let mut reasons = vec![json!({"Code": "None"}); count];
            reasons[count - 1] = json!({"Code": code, "Message": "made up"});
            refusal(
                "TransactionCanceledException",
                json!({"CancellationReasons": reasons}),
            )
        }
        Some(Fault::Unprocessed) => answer(
            StatusCode::OK,
            &match operation.as_str() {
                "BatchWriteItem" => json!({"UnprocessedItems": request["RequestItems"]}),
                _ => json!({"Responses": {}, "UnprocessedKeys": request["RequestItems"]}),
            },
        ),
        Some(Fault::Delay(milliseconds)) => {
            tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
            plan.forward(&headers, body).await
        }
        Some(Fault::NoResponse) => {
            plan.forward(&headers, body).await;
            std::future::pending::<()>().await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
    }
}

fn refusal(code: &str, mut body: Value) -> Response {
    body["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{code}"));
    body["message"] = json!("made up");
    let ours = ["InternalServerError", "ServiceUnavailable"].contains(&code);
    answer(
        if ours {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::BAD_REQUEST
        },
        &body,
    )
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [("content-type", "application/x-amz-json-1.0")],
        body.to_string(),
    )
        .into_response()
}
