//! Lambda's runtime API, for functions that run as processes of this machine, and the events that they get.
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

/// What one function talks to; it ends with the runtime that started it.
pub struct RuntimeApi {
    address: SocketAddr,
    polls: mpsc::Receiver<Poll>,
    answers: mpsc::Receiver<Answer>,
}

/// The function asks for its next event.
pub struct Poll {
    /// When.
    pub at: Instant,
    event: oneshot::Sender<String>,
}

/// What the function answered.
pub struct Answer {
    /// When.
    pub at: Instant,
    /// As it came: JSON, if the function is well.
    pub body: String,
    /// Whether it is what the runtime says of a function that failed.
    pub is_error: bool,
}

#[derive(Clone)]
struct Ends {
    polls: mpsc::Sender<Poll>,
    answers: mpsc::Sender<Answer>,
}

impl RuntimeApi {
    /// Begins to answer on a port of this machine only.
    ///
    /// # Errors
    ///
    /// If there is no port.
    pub async fn start() -> Result<Self, Error> {
        let (polls, next_poll) = mpsc::channel(1);
        let (answers, next_answer) = mpsc::channel(1);
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(hands_over))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(takes))
            .route(
                "/2018-06-01/runtime/invocation/{id}/error",
                post(takes_error),
            )
            .with_state(Arc::new(Ends { polls, answers }));
        let listener = listen("127.0.0.1", 0).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            address,
            polls: next_poll,
            answers: next_answer,
        })
    }

    /// What Lambda sets in the environment of a function with this name.
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
    /// If nothing answers any more.
    pub async fn poll(&mut self) -> Result<Poll, Error> {
        Ok(self.polls.recv().await.ok_or(ENDED)?)
    }

    /// Waits for the answer to the event that was handed over.
    ///
    /// # Errors
    ///
    /// If nothing answers any more.
    pub async fn answer(&mut self) -> Result<Answer, Error> {
        Ok(self.answers.recv().await.ok_or(ENDED)?)
    }
}

const ENDED: &str = "the runtime API has ended";

impl Poll {
    /// Gives the function its event.
    pub fn hand_over(self, event: &Value) {
        // A function that has ended meanwhile answers nothing, which is seen there.
        let _ = self.event.send(event.to_string());
    }
}

async fn hands_over(State(ends): State<Arc<Ends>>) -> Response {
    let (event, next) = oneshot::channel();
    let poll = Poll {
        at: Instant::now(),
        event,
    };
    let (Ok(()), Ok(event)) = (ends.polls.send(poll).await, next.await) else {
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

async fn takes(State(ends): State<Arc<Ends>>, body: String) -> StatusCode {
    take(&ends, body, false).await
}

async fn takes_error(State(ends): State<Arc<Ends>>, body: String) -> StatusCode {
    take(&ends, body, true).await
}

async fn take(ends: &Ends, body: String, is_error: bool) -> StatusCode {
    let at = Instant::now();
    let answer = Answer { at, body, is_error };
    match ends.answers.send(answer).await {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::GONE,
    }
}

/// An event as API Gateway sends it, payload format 2.0, for this route.
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

/// The event with a form as its body, which comes in base64.
#[must_use]
pub fn with_form(mut event: Value, base64: &str) -> Value {
    event["headers"]["content-type"] = json!("application/x-www-form-urlencoded");
    event["body"] = json!(base64);
    event["isBase64Encoded"] = json!(true);
    event
}
