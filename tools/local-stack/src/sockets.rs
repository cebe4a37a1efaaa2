//! A WebSocket API, like that of API Gateway: asks a function before it opens a socket, passes it the frames of clients,
//! and sends what functions post.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html>

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{sleep, sleep_until};
use uuid::Uuid;

use crate::Error;
use crate::bucket::reachable;
use crate::gateway::Gateway;

/// The stage, which is the path of the URL.
pub const STAGE: &str = "live";

/// The limits of API Gateway.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>
const MAX_DURATION: Duration = Duration::from_hours(2);
const MAX_IDLE: Duration = Duration::from_mins(10);
const MAX_FRAME: usize = 32 * 1024;
const MAX_POSTED: usize = 128 * 1024;

/// The status with which a socket is closed because of a frame that is large, or not text (RFC 6455, section 7.4.1).
const TOO_BIG: u16 = 1009;
const NOT_TEXT: u16 = 1003;

/// How many posted texts can wait to be sent.
const MAX_WAITING: usize = 1000;

/// A running WebSocket API. It stops with the Tokio runtime that started it.
#[derive(Clone)]
pub struct Sockets {
    address: SocketAddr,
    api: Arc<Api>,
}

#[derive(Default)]
struct Api {
    gateway: Mutex<Option<Arc<Gateway>>>,
    /// The queue of each open socket. Dropping it closes the socket.
    open: Mutex<HashMap<String, Sender<String>>>,
}

impl Sockets {
    /// Serves on a listener.
    ///
    /// # Errors
    ///
    /// If the listener has no address.
    pub fn start(listener: TcpListener) -> Result<Self, Error> {
        let address = reachable(listener.local_addr()?);
        let api = Arc::new(Api::default());
        let router = Router::new()
            .route(&format!("/{STAGE}"), get(open))
            .route(
                &format!("/{STAGE}/@connections/{{id}}"),
                post(send).delete(close),
            )
            .layer(DefaultBodyLimit::max(MAX_POSTED))
            .with_state(Arc::clone(&api));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, api })
    }

    /// The functions of this gateway are asked from now on.
    pub fn route_to(&self, gateway: Arc<Gateway>) {
        *lock(&self.api.gateway) = Some(gateway);
    }

    /// Returns the URL at which clients open sockets.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/{STAGE}", self.address)
    }

    /// Returns the URL at which functions post to sockets.
    #[must_use]
    pub fn management_url(&self) -> String {
        format!("http://{}/{STAGE}", self.address)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Api {
    /// The status that the function returns for an event.
    async fn invoke(&self, event: Value) -> u16 {
        let gateway = lock(&self.gateway).clone();
        let invoked = match gateway {
            Some(gateway) => gateway.invoke_for_socket(event).await,
            None => Err("no gateway serves sockets".into()),
        };
        invoked.unwrap_or_else(|error| {
            eprintln!("the function failed: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.as_u16()
        })
    }
}

/// Opens a socket, if the function allows it.
async fn open(
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let id = BASE64_STANDARD.encode(&Uuid::new_v4().as_bytes()[..11]);
    let names = headers.keys().map(|name| {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        (name.to_string(), values.join(","))
    });
    let parameters = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let mut event = event(&id, "$connect");
    event["headers"] = json!(names.collect::<BTreeMap<_, _>>());
    event["queryStringParameters"] = json!(parameters.into_owned().collect::<BTreeMap<_, _>>());
    match api.invoke(event).await {
        200 => upgrade
            .max_message_size(MAX_POSTED)
            .on_upgrade(|socket| serve(api, id, socket)),
        status => StatusCode::from_u16(status)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            .into_response(),
    }
}

fn event(id: &str, route: &str) -> Value {
    json!({
        "requestContext": {
            "routeKey": route,
            "eventType": if route == "$connect" { "CONNECT" } else { "MESSAGE" },
            "connectionId": id,
            "requestId": Uuid::new_v4().to_string(),
            "stage": STAGE,
            "apiId": "local",
        },
        "isBase64Encoded": false,
    })
}

/// Serves a socket until one side closes it, or it reaches a limit.
async fn serve(api: Arc<Api>, id: String, mut socket: WebSocket) {
    let (sender, texts) = channel(MAX_WAITING);
    lock(&api.open).insert(id.clone(), sender);
    let closing = exchange(&api, &id, &mut socket, texts).await;
    lock(&api.open).remove(&id);
    let _ = socket.send(Message::Close(closing)).await;
}

/// Returns why the socket is to be closed.
async fn exchange(
    api: &Api,
    id: &str,
    socket: &mut WebSocket,
    mut texts: Receiver<String>,
) -> Option<CloseFrame> {
    let end = tokio::time::Instant::now() + MAX_DURATION;
    loop {
        tokio::select! {
            text = texts.recv() => socket.send(Message::Text(text?.into())).await.ok()?,
            frame = socket.recv() => match frame?.ok()? {
                Message::Text(text) if text.len() <= MAX_FRAME => {
                    let mut event = event(id, "$default");
                    event["body"] = json!(text.as_str());
                    api.invoke(event).await;
                }
                Message::Text(_) => return Some(closing(TOO_BIG)),
                Message::Binary(_) => return Some(closing(NOT_TEXT)),
                Message::Close(_) => return None,
                Message::Ping(_) | Message::Pong(_) => {}
            },
            () = sleep(MAX_IDLE) => return None,
            () = sleep_until(end) => return None,
        }
    }
}

fn closing(code: u16) -> CloseFrame {
    let reason = "".into();
    CloseFrame { code, reason }
}

/// Sends a text over a socket.
async fn send(State(api): State<Arc<Api>>, Path(id): Path<String>, body: Bytes) -> Response {
    let sender = lock(&api.open).get(&id).cloned();
    let text = String::from_utf8_lossy(&body).into_owned();
    match sender {
        Some(sender) if sender.try_send(text).is_ok() => StatusCode::OK.into_response(),
        _ => gone(),
    }
}

/// Closes a socket.
async fn close(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Response {
    match lock(&api.open).remove(&id) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => gone(),
    }
}

/// There is no such socket, or it is being opened.
fn gone() -> Response {
    let error = [("x-amzn-errortype", "GoneException")];
    (StatusCode::GONE, error, "{}").into_response()
}
