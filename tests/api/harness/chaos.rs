//! A proxy between the API and DynamoDB that injects random faults, reproducible by a seed.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use local_stack::engine::Engine;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::forward::forward;

/// A fault of a DynamoDB call.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The call is delayed.
    DelayCall,
    /// The call is executed, and its response is delayed.
    DelayResponse,
    /// The connection breaks before the call is executed.
    DropCall,
    /// The connection breaks after the call was executed.
    DropResponse,
    /// The connection breaks in the middle of the response.
    TruncateResponse,
    /// The call fails with an internal error.
    InternalError,
    /// The call is throttled.
    Throttle,
    /// The call conflicts with another transaction.
    Conflict,
    /// A part of the batch is unprocessed.
    Unprocessed,
}

const FAULTS: [Fault; 9] = [
    Fault::DelayCall,
    Fault::DelayResponse,
    Fault::DropCall,
    Fault::DropResponse,
    Fault::TruncateResponse,
    Fault::InternalError,
    Fault::Throttle,
    Fault::Conflict,
    Fault::Unprocessed,
];

/// One in this many calls has a fault.
const CALLS_PER_FAULT: usize = 6;

/// One in this many faults starts a burst: the following calls have the same fault, beyond all retries.
const FAULTS_PER_BURST: usize = 8;

/// A proxy in front of the embedded engine.
pub struct Chaos {
    url: String,
    state: Arc<State>,
}

struct State {
    engine: String,
    client: reqwest::Client,
    random: Mutex<fastrand::Rng>,
    /// The number of calls left in a burst, and its fault.
    burst: Mutex<(usize, Option<Fault>)>,
    /// Whether transactions are executed in two parts, between which the connection may break.
    split_transactions: bool,
    stopped: AtomicBool,
}

/// Breaks the connection.
#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken by fault injection")
    }
}

impl std::error::Error for Broken {}

impl Chaos {
    /// Starts a proxy with the faults of this seed; with `split_transactions`, transactions are not atomic.
    pub async fn start(engine: &Engine, seed: u64, split_transactions: bool) -> Self {
        let state = Arc::new(State {
            engine: engine.url(),
            client: reqwest::Client::new(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            burst: Mutex::new((0, None)),
            split_transactions,
            stopped: AtomicBool::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = served.clone();
                let service = service_fn(move |request| state.clone().handle(request));
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Self { url, state }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops injecting faults.
    pub fn stop(&self) {
        self.state.stopped.store(true, Ordering::Relaxed);
    }
}

impl State {
    fn next(&self) -> Option<Fault> {
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let mut burst = self.burst.lock().unwrap();
        if burst.0 > 0 {
            burst.0 -= 1;
            return burst.1;
        }
        let mut random = self.random.lock().unwrap();
        if random.usize(..CALLS_PER_FAULT) > 0 {
            return None;
        }
        let fault = Some(FAULTS[random.usize(..FAULTS.len())]);
        if random.usize(..FAULTS_PER_BURST) == 0 {
            *burst = (random.usize(4..30), fault);
        }
        fault
    }

    async fn delay(&self) {
        let milliseconds = self.random.lock().unwrap().u64(1..30);
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }

    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Broken> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(Body::new(body), usize::MAX)
            .await
            .map_err(|_| Broken)?;
        let call = Call {
            operation: parts.headers["x-amz-target"]
                .to_str()
                .unwrap()
                .split('.')
                .nth(1)
                .unwrap()
                .to_owned(),
            headers: parts.headers,
            body,
        };
        let fault = self.next();
        match fault {
            None => self.execute(&call).await,
            Some(Fault::DelayCall) => {
                self.delay().await;
                self.execute(&call).await
            }
            Some(Fault::DelayResponse) => {
                let response = self.execute(&call).await;
                self.delay().await;
                response
            }
            Some(Fault::DropCall) => Err(Broken),
            Some(Fault::DropResponse) => {
                self.execute(&call).await?;
                Err(Broken)
            }
            Some(Fault::TruncateResponse) => Ok(truncate(self.execute(&call).await?).await),
            Some(Fault::InternalError) => Ok(error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerError",
                json!({}),
            )),
            Some(Fault::Throttle) => Ok(error(
                StatusCode::BAD_REQUEST,
                "ThrottlingException",
                json!({}),
            )),
            Some(Fault::Conflict) => match call.conflict() {
                Some(response) => Ok(response),
                None => self.execute(&call).await,
            },
            Some(Fault::Unprocessed) => self.execute_partially(&call).await,
        }
    }

    async fn execute(&self, call: &Call) -> Result<Response<Body>, Broken> {
        if self.split_transactions && call.operation == "TransactWriteItems" {
            return self.execute_in_parts(call).await;
        }
        self.forward(&call.headers, call.body.clone()).await
    }

    /// Executes a transaction as two; the second may never arrive.
    async fn execute_in_parts(&self, call: &Call) -> Result<Response<Body>, Broken> {
        let mut request: Value = serde_json::from_slice(&call.body).unwrap();
        request
            .as_object_mut()
            .unwrap()
            .remove("ClientRequestToken");
        let items = request["TransactItems"].as_array().unwrap().clone();
        let (first, second) = items.split_at(items.len().div_ceil(2));
        request["TransactItems"] = json!(first);
        let response = self
            .forward(&call.headers, request.to_string().into())
            .await?;
        if !response.status().is_success() || second.is_empty() {
            return Ok(response);
        }
        if !self.stopped.load(Ordering::Relaxed)
            && self.random.lock().unwrap().usize(..CALLS_PER_FAULT) == 0
        {
            return Err(Broken);
        }
        request["TransactItems"] = json!(second);
        self.forward(&call.headers, request.to_string().into())
            .await
    }

    /// Executes a batch without the last items of each table.
    async fn execute_partially(&self, call: &Call) -> Result<Response<Body>, Broken> {
        let name = match call.operation.as_str() {
            "BatchGetItem" => "UnprocessedKeys",
            "BatchWriteItem" => "UnprocessedItems",
            _ => return self.execute(call).await,
        };
        let mut request: Value = serde_json::from_slice(&call.body).unwrap();
        let mut unprocessed = json!({});
        let tables = request["RequestItems"].as_object_mut().unwrap();
        for (table, wanted) in tables.iter_mut() {
            let mut rest = wanted.clone();
            let (items, rest_items) = match name {
                "UnprocessedKeys" => (
                    wanted["Keys"].as_array_mut().unwrap(),
                    rest["Keys"].as_array_mut().unwrap(),
                ),
                _ => (wanted.as_array_mut().unwrap(), rest.as_array_mut().unwrap()),
            };
            let kept = items.len() / 2;
            items.truncate(kept);
            rest_items.drain(..kept);
            unprocessed[table] = rest;
        }
        tables.retain(|_, wanted| {
            let items = wanted.get("Keys").unwrap_or(wanted);
            !items.as_array().unwrap().is_empty()
        });
        let mut response = if tables.is_empty() {
            json!({"Responses": {}})
        } else {
            let response = self
                .forward(&call.headers, request.to_string().into())
                .await?;
            let body = to_bytes(response.into_body(), usize::MAX)
                .await
                .map_err(|_| Broken)?;
            serde_json::from_slice(&body).unwrap()
        };
        response[name] = unprocessed;
        Ok(json_response(StatusCode::OK, &response))
    }

    async fn forward(&self, headers: &HeaderMap, body: Bytes) -> Result<Response<Body>, Broken> {
        let response = forward(&self.client, &self.engine, headers, body).await;
        response.map_err(|_| Broken)
    }
}

/// A DynamoDB call.
struct Call {
    operation: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    /// The error of DynamoDB for a conflicting transaction; `None` if the operation has no such error.
    fn conflict(&self) -> Option<Response<Body>> {
        match self.operation.as_str() {
            "TransactWriteItems" => {
                let request: Value = serde_json::from_slice(&self.body).unwrap();
                let count = request["TransactItems"].as_array().unwrap().len();
                let mut reasons = vec![json!({"Code": "None"}); count];
                reasons[0] = json!({"Code": "TransactionConflict", "Message": "injected"});
                let body = json!({"CancellationReasons": reasons});
                Some(error(
                    StatusCode::BAD_REQUEST,
                    "TransactionCanceledException",
                    body,
                ))
            }
            "UpdateItem" => Some(error(
                StatusCode::BAD_REQUEST,
                "TransactionConflictException",
                json!({}),
            )),
            _ => None,
        }
    }
}

/// The first half of a response, with the `Content-Length` of the whole.
async fn truncate(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    parts.headers.insert("content-length", body.len().into());
    let half = body.slice(..body.len() / 2);
    let stream = futures_util::stream::iter([
        Ok(half),
        Err(io::Error::other("cut short by fault injection")),
    ]);
    Response::from_parts(parts, Body::from_stream(stream))
}

fn error(status: StatusCode, code: &str, mut body: Value) -> Response<Body> {
    body["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{code}"));
    body["message"] = json!("injected");
    json_response(status, &body)
}

fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    let headers = [("content-type", "application/x-amz-json-1.0")];
    (status, headers, body.to_string()).into_response()
}
