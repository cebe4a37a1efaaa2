//! Something between the functions and DynamoDB that makes all kinds of trouble, by a plan.

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

/// What happens to a call.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// It comes late.
    DelaysBefore,
    /// It is carried out, and its answer comes late.
    DelaysAfter,
    /// The connection breaks before it is carried out.
    DropsBefore,
    /// The connection breaks after it was carried out.
    DropsAfter,
    /// The answer breaks off in its middle.
    CutsShort,
    /// DynamoDB has an error.
    Fails,
    /// DynamoDB throttles.
    Throttles,
    /// Another transaction is in the way.
    Conflicts,
    /// A part of a batch is left out.
    LeavesOut,
}

const TROUBLES: [Trouble; 9] = [
    Trouble::DelaysBefore,
    Trouble::DelaysAfter,
    Trouble::DropsBefore,
    Trouble::DropsAfter,
    Trouble::CutsShort,
    Trouble::Fails,
    Trouble::Throttles,
    Trouble::Conflicts,
    Trouble::LeavesOut,
];

/// One call in so many meets trouble.
const ONE_IN: usize = 6;

/// Of that, one in so many is the begin of a storm: the same for some calls more, past all retries.
const STORM_IN: usize = 8;

/// A proxy in front of an engine, which makes trouble until it is told to stop.
pub struct Chaos {
    url: String,
    plan: Arc<Plan>,
}

struct Plan {
    engine: String,
    client: reqwest::Client,
    random: Mutex<fastrand::Rng>,
    /// For how many more calls, and what.
    storm: Mutex<(usize, Option<Trouble>)>,
    /// Whether transactions are carried out in two parts, between which there may be trouble, too.
    splits: bool,
    ended: AtomicBool,
}

/// The connection shall break.
#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken by plan")
    }
}

impl std::error::Error for Broken {}

impl Chaos {
    /// The trouble that this seed makes; with `splits`, transactions are none any more.
    pub async fn start(engine: &Engine, seed: u64, splits: bool) -> Self {
        let plan = Arc::new(Plan {
            engine: engine.url(),
            client: reqwest::Client::new(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            storm: Mutex::new((0, None)),
            splits,
            ended: AtomicBool::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = plan.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let plan = served.clone();
                let service = service_fn(move |request| plan.clone().passes_on(request));
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Self { url, plan }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on there is peace.
    pub fn stop(&self) {
        self.plan.ended.store(true, Ordering::Relaxed);
    }
}

impl Plan {
    fn next(&self) -> Option<Trouble> {
        if self.ended.load(Ordering::Relaxed) {
            return None;
        }
        let mut storm = self.storm.lock().unwrap();
        if storm.0 > 0 {
            storm.0 -= 1;
            return storm.1;
        }
        let mut random = self.random.lock().unwrap();
        if random.usize(..ONE_IN) > 0 {
            return None;
        }
        let trouble = Some(TROUBLES[random.usize(..TROUBLES.len())]);
        if random.usize(..STORM_IN) == 0 {
            *storm = (random.usize(4..30), trouble);
        }
        trouble
    }

    async fn waits(&self) {
        let milliseconds = self.random.lock().unwrap().u64(1..30);
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }

    async fn passes_on(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Broken> {
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
        let trouble = self.next();
        match trouble {
            None => self.carries_out(&call).await,
            Some(Trouble::DelaysBefore) => {
                self.waits().await;
                self.carries_out(&call).await
            }
            Some(Trouble::DelaysAfter) => {
                let answer = self.carries_out(&call).await;
                self.waits().await;
                answer
            }
            Some(Trouble::DropsBefore) => Err(Broken),
            Some(Trouble::DropsAfter) => {
                self.carries_out(&call).await?;
                Err(Broken)
            }
            Some(Trouble::CutsShort) => Ok(cut_short(self.carries_out(&call).await?).await),
            Some(Trouble::Fails) => Ok(error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerError",
                json!({}),
            )),
            Some(Trouble::Throttles) => Ok(error(
                StatusCode::BAD_REQUEST,
                "ThrottlingException",
                json!({}),
            )),
            Some(Trouble::Conflicts) => match call.conflict() {
                Some(answer) => Ok(answer),
                None => self.carries_out(&call).await,
            },
            Some(Trouble::LeavesOut) => self.leaves_out(&call).await,
        }
    }

    async fn carries_out(&self, call: &Call) -> Result<Response<Body>, Broken> {
        if self.splits && call.operation == "TransactWriteItems" {
            return self.carries_out_in_parts(call).await;
        }
        self.forwards(&call.headers, call.body.clone()).await
    }

    /// A transaction as two; the second may never come.
    async fn carries_out_in_parts(&self, call: &Call) -> Result<Response<Body>, Broken> {
        let mut request: Value = serde_json::from_slice(&call.body).unwrap();
        request
            .as_object_mut()
            .unwrap()
            .remove("ClientRequestToken");
        let items = request["TransactItems"].as_array().unwrap().clone();
        let (first, second) = items.split_at(items.len().div_ceil(2));
        request["TransactItems"] = json!(first);
        let answer = self
            .forwards(&call.headers, request.to_string().into())
            .await?;
        if !answer.status().is_success() || second.is_empty() {
            return Ok(answer);
        }
        if !self.ended.load(Ordering::Relaxed) && self.random.lock().unwrap().usize(..ONE_IN) == 0 {
            return Err(Broken);
        }
        request["TransactItems"] = json!(second);
        self.forwards(&call.headers, request.to_string().into())
            .await
    }

    /// A batch without its last items of each table.
    async fn leaves_out(&self, call: &Call) -> Result<Response<Body>, Broken> {
        let name = match call.operation.as_str() {
            "BatchGetItem" => "UnprocessedKeys",
            "BatchWriteItem" => "UnprocessedItems",
            _ => return self.carries_out(call).await,
        };
        let mut request: Value = serde_json::from_slice(&call.body).unwrap();
        let mut left_out = json!({});
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
            left_out[table] = rest;
        }
        tables.retain(|_, wanted| {
            let items = wanted.get("Keys").unwrap_or(wanted);
            !items.as_array().unwrap().is_empty()
        });
        let mut answer = if tables.is_empty() {
            json!({"Responses": {}})
        } else {
            let answer = self
                .forwards(&call.headers, request.to_string().into())
                .await?;
            let body = to_bytes(answer.into_body(), usize::MAX)
                .await
                .map_err(|_| Broken)?;
            serde_json::from_slice(&body).unwrap()
        };
        answer[name] = left_out;
        Ok(json_answer(StatusCode::OK, &answer))
    }

    async fn forwards(&self, headers: &HeaderMap, body: Bytes) -> Result<Response<Body>, Broken> {
        let answer = forward(&self.client, &self.engine, headers, body).await;
        answer.map_err(|_| Broken)
    }
}

/// A call of DynamoDB.
struct Call {
    operation: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    /// What DynamoDB says of a transaction in the way; none where none can be.
    fn conflict(&self) -> Option<Response<Body>> {
        match self.operation.as_str() {
            "TransactWriteItems" => {
                let request: Value = serde_json::from_slice(&self.body).unwrap();
                let count = request["TransactItems"].as_array().unwrap().len();
                let mut reasons = vec![json!({"Code": "None"}); count];
                reasons[0] = json!({"Code": "TransactionConflict", "Message": "made up"});
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

/// The first half of an answer that says that it is whole.
async fn cut_short(answer: Response<Body>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    parts.headers.insert("content-length", body.len().into());
    let half = body.slice(..body.len() / 2);
    let stream = futures_util::stream::iter([Ok(half), Err(io::Error::other("cut short by plan"))]);
    Response::from_parts(parts, Body::from_stream(stream))
}

fn error(status: StatusCode, code: &str, mut body: Value) -> Response<Body> {
    body["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{code}"));
    body["message"] = json!("made up");
    json_answer(status, &body)
}

fn json_answer(status: StatusCode, body: &Value) -> Response<Body> {
    let headers = [("content-type", "application/x-amz-json-1.0")];
    (status, headers, body.to_string()).into_response()
}
