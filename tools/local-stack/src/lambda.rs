//! The Lambda runtime API for functions that run as local processes, and events for them.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::Error;
use crate::stack::listen;

/// A runtime API server for one function. It stops with the Tokio runtime that started it.
pub struct RuntimeApi {
    address: SocketAddr,
    polls: mpsc::Receiver<Poll>,
    responses: mpsc::Receiver<InvocationResponse>,
}

/// A request of the function for its next event.
pub struct Poll {
    /// When the request was received.
    pub received_at: Instant,
    event: oneshot::Sender<String>,
}

/// The function's response to an event.
pub struct InvocationResponse {
    /// When the response was received.
    pub received_at: Instant,
    /// The body as received: JSON unless the function is broken.
    pub body: String,
    /// Whether the function reported an invocation error.
    pub is_error: bool,
}

#[derive(Clone)]
struct Senders {
    polls: mpsc::Sender<Poll>,
    responses: mpsc::Sender<InvocationResponse>,
}

impl RuntimeApi {
    /// Starts the server on a free port of the loopback interface.
    pub async fn start() -> Result<Self, Error> {
        let (polls, next_poll) = mpsc::channel(1);
        let (responses, next_response) = mpsc::channel(1);
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next_invocation))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(invocation_response),
            )
            .route(
                "/2018-06-01/runtime/invocation/{id}/error",
                post(invocation_error),
            )
            .with_state(Arc::new(Senders { polls, responses }));
        let listener = listen("127.0.0.1", 0).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            address,
            polls: next_poll,
            responses: next_response,
        })
    }

    /// Returns the environment variables that Lambda sets for this function.
    #[must_use]
    pub fn variables(&self, function: &str) -> [(&'static str, String); 6] {
        [
            ("AWS_LAMBDA_RUNTIME_API", self.address.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", function.to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "log-group".to_owned()),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "log-stream".to_owned()),
        ]
    }

    /// Waits until the function asks for an event.
    ///
    /// # Errors
    ///
    /// If the server has stopped.
    pub async fn next_poll(&mut self) -> Result<Poll, Error> {
        Ok(self.polls.recv().await.ok_or(STOPPED)?)
    }

    /// Waits for the response to the event that was sent last.
    ///
    /// # Errors
    ///
    /// If the server has stopped.
    pub async fn next_response(&mut self) -> Result<InvocationResponse, Error> {
        Ok(self.responses.recv().await.ok_or(STOPPED)?)
    }
}

const STOPPED: &str = "the runtime API server has stopped";

impl Poll {
    /// Sends the function its event.
    pub fn send_event(self, event: &Value) {
        // If the function has exited, the missing response is detected where it is awaited.
        let _ = self.event.send(event.to_string());
    }
}

async fn next_invocation(State(senders): State<Arc<Senders>>) -> Response {
    let (event, next) = oneshot::channel();
    let poll = Poll {
        received_at: Instant::now(),
        event,
    };
    let (Ok(()), Ok(event)) = (senders.polls.send(poll).await, next.await) else {
        return StatusCode::GONE.into_response();
    };
    let headers = [
        ("lambda-runtime-aws-request-id", Uuid::new_v4().to_string()),
        ("lambda-runtime-deadline-ms", "9999999999999".to_owned()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-west-1:123456789012:function:f".to_owned(),
        ),
    ];
    (headers, event).into_response()
}

async fn invocation_response(State(senders): State<Arc<Senders>>, body: String) -> StatusCode {
    forward_response(&senders, body, false).await
}

async fn invocation_error(State(senders): State<Arc<Senders>>, body: String) -> StatusCode {
    forward_response(&senders, body, true).await
}

async fn forward_response(senders: &Senders, body: String, is_error: bool) -> StatusCode {
    let received_at = Instant::now();
    let response = InvocationResponse {
        received_at,
        body,
        is_error,
    };
    match senders.responses.send(response).await {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::GONE,
    }
}

/// Returns an API Gateway event (payload format 2.0) for this route.
#[must_use]
pub fn event(route: &str, path: &str, token: &str) -> Value {
    let method = route.split(' ').next();
    json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "authorization": format!("Bearer {token}"),
            "content-length": "0",
            "host": "r3pmxmplak.execute-api.eu-west-1.amazonaws.com",
            "user-agent": "curl/8.5.0",
            "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
            "x-forwarded-for": "205.255.255.176",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "r3pmxmplak",
            "domainName": "r3pmxmplak.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "r3pmxmplak",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "205.255.255.176",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
            "stage": "$default",
            "time": "10/Mar/2020:05:16:23 +0000",
            "timeEpoch": 1_583_817_383_220_u64,
        },
        "isBase64Encoded": false,
    })
}

/// Returns the event with a base64-encoded form as its body, as API Gateway encodes forms.
#[must_use]
pub fn with_form(mut event: Value, base64: &str) -> Value {
    event["headers"]["content-type"] = json!("application/x-www-form-urlencoded");
    event["body"] = json!(base64);
    event["isBase64Encoded"] = json!(true);
    event
}
