//! Further hosts of the API.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use local_stack::engine::credentials;
use local_stack::stack::{Stack, listen};
use shared::Store;
use shared::store::{Files, IdentityProvider, Limits, Timeouts};
use shared::time::{Clock, Micros};

/// Timeouts for tests that are not about timeouts: on a busy machine, unoptimized code takes seconds to handle
/// a hundred concurrent requests.
pub const LONG_TIMEOUTS: Timeouts = Timeouts {
    attempt: Duration::from_secs(30),
    call: Duration::from_mins(1),
    request: Duration::from_mins(2),
    activity: Duration::from_mins(1),
    file: Duration::from_secs(30),
    cleanup: Duration::from_secs(4),
    in_flight: Duration::ZERO,
};

/// A host to be started: a new instance of the API on the same tables, with empty caches.
pub struct Host<'a> {
    stack: &'a Stack,
    dynamodb_url: String,
    timeouts: Timeouts,
    clock: Clock,
    limits: Limits,
    records_edits: bool,
    files_url: String,
    identity_provider: Option<IdentityProvider>,
}

impl<'a> Host<'a> {
    /// A host with the system clock, long timeouts, a direct connection to the engine and no limits.
    pub fn new(stack: &'a Stack) -> Self {
        Self {
            stack,
            dynamodb_url: stack.engine.url(),
            timeouts: LONG_TIMEOUTS,
            clock: Clock::system(),
            limits: Limits::default(),
            records_edits: false,
            files_url: stack.bucket.url(),
            identity_provider: None,
        }
    }

    /// Cannot reach S3.
    pub fn without_s3(self) -> Self {
        self.s3(NO_S3)
    }

    /// Connects to S3 through the proxy at this URL.
    pub fn s3(self, url: &str) -> Self {
        let files_url = url.to_owned();
        Self { files_url, ..self }
    }

    /// Uses these limits.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Uses these timeouts.
    pub fn timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// Takes the JSON Web Tokens of this identity provider.
    pub fn identity_provider(self, provider: IdentityProvider) -> Self {
        Self {
            identity_provider: Some(provider),
            ..self
        }
    }

    /// Records what messages said before they were edited.
    pub fn records_edits(self) -> Self {
        Self {
            records_edits: true,
            ..self
        }
    }

    /// Uses this clock.
    pub fn clock(self, now: impl Fn() -> Micros + Send + Sync + 'static) -> Self {
        let clock = Clock::new(now);
        Self { clock, ..self }
    }

    /// Uses a clock that stands still at `now`, in microseconds.
    pub fn clock_at(self, now: &Arc<AtomicU64>) -> Self {
        let now = now.clone();
        self.clock(move || Micros(now.load(Ordering::Relaxed)))
    }

    /// Connects to the engine through the proxy at this URL, with the timeouts of production.
    pub fn proxy(self, url: &str) -> Self {
        Self {
            dynamodb_url: url.to_owned(),
            timeouts: Timeouts::default(),
            ..self
        }
    }

    /// Starts the host. Returns its URL.
    pub async fn start(self) -> String {
        let store = self.stack.store_at(&self.dynamodb_url).unwrap();
        // Before the clock, which the bucket shares.
        let store = with_s3(store, &self.files_url)
            .with_limits(self.limits)
            .with_edit_history(self.records_edits)
            .with_timeouts(self.timeouts)
            .with_identity_provider(self.identity_provider)
            .with_clock(self.clock);
        serve(self.stack, &store).await
    }
}

/// No server listens on this port.
const NO_S3: &str = "http://127.0.0.1:1/files";

/// A store that cannot reach S3.
pub fn without_s3(store: Store) -> Store {
    with_s3(store, NO_S3)
}

/// A store that reaches S3 at this URL.
pub fn with_s3(store: Store, url: &str) -> Store {
    store.with_files(Files::new(url, "local", credentials()))
}

/// Serves the API with this store. Returns its URL.
pub async fn serve(stack: &Stack, store: &Store) -> String {
    let api = stack.api(store).expect("template and handlers match");
    let listener = listen("127.0.0.1", 0).await.expect("there is a free port");
    let address = listener.local_addr().expect("it has an address");
    tokio::spawn(async move { axum::serve(listener, api).await });
    format!("http://{address}")
}
