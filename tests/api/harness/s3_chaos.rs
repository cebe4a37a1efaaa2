//! A proxy between the API, or its clients, and S3 that injects random faults, reproducible by a seed.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use local_stack::bucket::Bucket;
use tokio::net::TcpListener;

/// One in this many requests has a fault.
const REQUESTS_PER_FAULT: usize = 4;

/// One in this many faults starts a burst: the following requests fail as well, beyond all retries.
const FAULTS_PER_BURST: usize = 6;

/// A proxy in front of the local bucket.
pub struct S3Chaos {
    url: String,
    state: Arc<Faults>,
}

struct Faults {
    bucket: String,
    client: reqwest::Client,
    random: Mutex<fastrand::Rng>,
    burst: Mutex<usize>,
    stopped: AtomicBool,
}

#[derive(Clone, Copy)]
enum Fault {
    /// S3 says that it is busy, and does nothing.
    SlowDown,
    /// S3 does what was asked, and says that it failed.
    InternalError,
    Delay,
}

impl S3Chaos {
    pub async fn start(bucket: &Bucket, seed: u64) -> Self {
        let url = bucket.url();
        let (origin, path) = url.rsplit_once('/').unwrap();
        let state = Arc::new(Faults {
            bucket: origin.to_owned(),
            client: reqwest::Client::new(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            burst: Mutex::new(0),
            stopped: AtomicBool::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/{path}", listener.local_addr().unwrap());
        let router = Router::new().fallback(handle).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
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

impl Faults {
    fn next(&self) -> Option<Fault> {
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let mut burst = self.burst.lock().unwrap();
        if *burst > 0 {
            *burst -= 1;
            return Some(Fault::SlowDown);
        }
        let mut random = self.random.lock().unwrap();
        if random.usize(..REQUESTS_PER_FAULT) > 0 {
            return None;
        }
        if random.usize(..FAULTS_PER_BURST) == 0 {
            *burst = random.usize(3..12);
        }
        let faults = [Fault::SlowDown, Fault::InternalError, Fault::Delay];
        Some(faults[random.usize(..faults.len())])
    }
}

async fn handle(
    State(faults): State<Arc<Faults>>,
    request: Request,
) -> Result<Response, Infallible> {
    let fault = faults.next();
    Ok(match fault {
        Some(Fault::SlowDown) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Fault::InternalError) => {
            faults.forward(request).await;
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Some(Fault::Delay) => {
            tokio::time::sleep(Duration::from_millis(10)).await;
            faults.forward(request).await
        }
        None => faults.forward(request).await,
    })
}

impl Faults {
    /// Forwards a request with its `Host`, which is signed.
    async fn forward(&self, request: Request) -> Response {
        forward_to(&self.client, &self.bucket, request).await
    }
}

/// Forwards a request unchanged to a server.
async fn forward_to(client: &reqwest::Client, origin: &str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = to_bytes(body, usize::MAX).await.unwrap();
    let url = format!("{origin}{}", parts.uri);
    let mut headers = parts.headers;
    headers.remove(header::TRANSFER_ENCODING);
    let request = client
        .request(parts.method, url)
        .headers(headers)
        .body(body);
    let response = request.send().await.expect("the bucket responds");
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.bytes().await.unwrap();
    (status, headers, body).into_response()
}
