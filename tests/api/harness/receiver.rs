//! A server that receives webhooks.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use local_stack::stack::listen;
use serde_json::Value;
use tokio::sync::oneshot;

/// What it has received, and how it responds.
#[derive(Clone)]
pub struct Receiver {
    address: String,
    state: Arc<Mutex<Behavior>>,
}

struct Behavior {
    received: Vec<Received>,
    status: u16,
    headers: Vec<(&'static str, String)>,
    /// Holds back the response to the next request until a status is sent.
    held: Option<oneshot::Receiver<u16>>,
}

/// A delivery as it was received.
#[derive(Clone, Debug)]
pub struct Received {
    pub id: String,
    pub timestamp: String,
    pub signature: String,
    pub body: String,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The type of the event.
    pub fn event_type(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }
}

impl Receiver {
    /// Starts one that responds with 204.
    pub async fn start() -> Self {
        let listener = listen("127.0.0.1", 0).await.unwrap();
        let address = format!("http://{}/hook", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(Behavior {
            received: Vec::new(),
            status: 204,
            headers: Vec::new(),
            held: None,
        }));
        let router = Router::new().fallback(receive).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, state }
    }

    pub fn url(&self) -> &str {
        &self.address
    }

    /// Responds with this status and this header from now on.
    pub fn responds(&self, status: u16, headers: &[(&'static str, &str)]) {
        let mut state = self.state.lock().unwrap();
        state.status = status;
        let headers = headers.iter();
        state.headers = headers
            .map(|&(name, value)| (name, value.to_owned()))
            .collect();
    }

    /// Holds back the response to the next request until its status is sent. If the sender is dropped, the connection is
    /// closed instead.
    pub fn holds_next(&self) -> oneshot::Sender<u16> {
        let (release, held) = oneshot::channel();
        self.state.lock().unwrap().held = Some(held);
        release
    }

    /// Waits until a request has arrived whose response is held back.
    pub async fn has_held(&self) {
        while self.state.lock().unwrap().held.is_some() {
            tokio::task::yield_now().await;
        }
    }

    /// What was received since the last call.
    pub fn takes(&self) -> Vec<Received> {
        std::mem::take(&mut self.state.lock().unwrap().received)
    }
}

async fn receive(
    State(state): State<Arc<Mutex<Behavior>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let held = {
        let mut state = state.lock().unwrap();
        state.received.push(Received {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
        state.held.take()
    };
    if let Some(held) = held {
        let Ok(status) = held.await else {
            // Ends the task of the connection, without a message.
            std::panic::resume_unwind(Box::new("closed"));
        };
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    let state = state.lock().unwrap();
    let mut response = StatusCode::from_u16(state.status).unwrap().into_response();
    for (name, value) in &state.headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}
