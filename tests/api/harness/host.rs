//! Further hosts of the API.

use std::collections::HashMap;
use std::time::Duration;

use local_stack::engine::config_at;
use local_stack::stack::{Stack, listen};
use shared::Store;
use shared::store::{Tables, Timeouts};
use shared::time::{Clock, Micros};

/// Timeouts for tests that are not about timeouts: on a busy machine, unoptimized code takes seconds to handle
/// a hundred concurrent requests.
pub const LONG_TIMEOUTS: Timeouts = Timeouts {
    attempt: Duration::from_secs(30),
    call: Duration::from_mins(1),
    request: Duration::from_mins(2),
};

/// A host to be started: a new instance of the API on the same tables, with empty caches.
pub struct Host<'a> {
    stack: &'a Stack,
    dynamodb_url: String,
    timeouts: Timeouts,
    clock: Clock,
}

impl<'a> Host<'a> {
    /// A host with the system clock, long timeouts and a direct connection to the engine.
    pub fn new(stack: &'a Stack) -> Self {
        Self {
            stack,
            dynamodb_url: stack.engine.url(),
            timeouts: LONG_TIMEOUTS,
            clock: Clock::system(),
        }
    }

    /// Uses this clock.
    pub fn clock(self, now: impl Fn() -> Micros + Send + Sync + 'static) -> Self {
        let clock = Clock::new(now);
        Self { clock, ..self }
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
        let config = config_at(&self.dynamodb_url).unwrap();
        let variables: HashMap<_, _> = self.stack.variables().collect();
        let tables = Tables::from_vars(|name| variables.get(name).map(|&name| name.to_owned()));
        let store = Store::new(&config, tables.unwrap())
            .with_timeouts(self.timeouts)
            .with_clock(self.clock);
        serve(self.stack, &store).await
    }
}

/// Serves the API with this store. Returns its URL.
pub async fn serve(stack: &Stack, store: &Store) -> String {
    let api = stack.api(store).expect("template and handlers match");
    let listener = listen("127.0.0.1", 0).await.expect("there is a free port");
    let address = listener.local_addr().expect("it has an address");
    tokio::spawn(async move { axum::serve(listener, api).await });
    format!("http://{address}")
}
