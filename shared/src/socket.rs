//! The edge of the function that a WebSocket API invokes: from an event to the `handle` of an HTTP request.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-requests.html>

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use futures_util::FutureExt;
use lambda_http::http::{HeaderValue, StatusCode, header};
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::{RequestExt, service_fn};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::http::{self, Request, Response};
use crate::log;
use crate::store::{Sockets, Store};

/// The path parameter of [`Request`] that names the connection.
const CONNECTION: &str = "connection_id";

/// The route of the request that opens a socket. All others are frames of clients.
const CONNECT: &str = "$connect";

/// The id that API Gateway gives a connection: up to 128 visible characters of ASCII.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ConnectionId(String);

impl ConnectionId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not the id of a connection.
#[derive(Debug, thiserror::Error)]
#[error("must be 1 to 128 visible ASCII characters")]
pub struct InvalidConnectionId;

impl FromStr for ConnectionId {
    type Err = InvalidConnectionId;

    fn from_str(text: &str) -> Result<Self, InvalidConnectionId> {
        let is_valid =
            (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_valid
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidConnectionId)
    }
}

/// What Lambda passes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    headers: Option<HashMap<String, String>>,
    query_string_parameters: Option<HashMap<String, String>>,
    request_context: Context,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    connection_id: String,
    route_key: String,
}

/// What the function returns. A socket is opened only if its status is 200.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    status_code: u16,
}

impl Output {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status_code
    }
}

impl Event {
    /// The caller's token as in the header `Authorization`. Browsers cannot set headers of a WebSocket: they send
    /// `access_token` in the query string (RFC 6750, section 2.3).
    fn authorization(&self) -> Option<String> {
        let in_query = || {
            let parameters = self.query_string_parameters.as_ref()?;
            Some(format!("Bearer {}", parameters.get("access_token")?))
        };
        let mut headers = self.headers.iter().flatten();
        let header = headers.find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        header.map(|(_, value)| value.clone()).or_else(in_query)
    }

    /// The request that `handle` gets.
    fn into_request(self, context: lambda_http::Context) -> lambda_http::Request {
        let mut request = lambda_http::Request::default();
        if let Some(Ok(value)) = self.authorization().map(HeaderValue::try_from) {
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let parameters =
            HashMap::from([(CONNECTION.to_owned(), self.request_context.connection_id)]);
        request
            .with_path_parameters(parameters)
            .with_lambda_context(context)
    }
}

impl Request {
    /// The connection that the request opens.
    pub fn connection(&self) -> Result<ConnectionId> {
        let connection = self.path_param(CONNECTION);
        connection.ok_or_else(|| crate::error::Error::internal(InvalidConnectionId))
    }
}

/// Runs `handle` as the Lambda function `operation`, for each request to open a socket.
///
/// # Errors
///
/// The environment lacks a variable that [`Store::from_env`] or [`Sockets::from_env`] needs, or the Lambda runtime
/// fails.
pub async fn serve<H, F>(operation: &'static str, handle: H) -> Result<(), lambda_http::Error>
where
    H: Fn(Store, Request) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = Result<Response>> + Send + 'static,
{
    log::init();
    let (store, pool) = Store::from_env()?;
    let store = store.with_sockets(Sockets::from_env()?);
    pool.connect().await;
    let service = service_fn(move |event: LambdaEvent<Event>| {
        let output = respond(operation, store.clone(), event, handle);
        output.map(Ok::<_, lambda_http::Error>).boxed()
    });
    lambda_runtime::run(service).await
}

/// Runs `handle` if the event is a request to open a socket, and writes its log line. Frames of clients do nothing:
/// receiving them keeps the socket open.
pub async fn respond<H, F>(
    operation: &'static str,
    store: Store,
    event: LambdaEvent<Event>,
    handle: H,
) -> Output
where
    H: Fn(Store, Request) -> F,
    F: Future<Output = Result<Response>>,
{
    let status = if event.payload.request_context.route_key == CONNECT {
        let request = event.payload.into_request(event.context);
        let response = http::respond(operation, store, request, handle).await;
        response.status()
    } else {
        StatusCode::OK
    };
    Output {
        status_code: if status.is_success() {
            StatusCode::OK.as_u16()
        } else {
            status.as_u16()
        },
    }
}
