//! One JSON log line per request with its cost. It never contains a token, a phone number or a message text.

use std::io;
use std::panic;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use lambda_http::http::StatusCode;
use tracing_subscriber::fmt::MakeWriter;

use crate::id::ContactId;

/// Writes the log to standard output, which Lambda collects.
///
/// A panic is logged with its location only: its message may contain request data.
pub fn init() {
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(tracing::field::display);
        tracing::error!(location, "panic");
    }));
    init_with(io::stdout);
}

/// Writes the log as JSON lines to `writer`. Only the first call has an effect.
pub fn init_with(writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) {
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(writer)
        .try_init();
}

/// Measures the DynamoDB usage of one request.
#[derive(Clone, Debug)]
pub struct Meter {
    started: Instant,
    cost: Arc<Mutex<Cost>>,
}

/// The totals of a [`Meter`].
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    calls: u32,
    /// The longest chain of sequential calls: what a client waits for.
    round_trips: u32,
    /// The same for calls that have ended.
    ended: u32,
    /// Read capacity units.
    read: f64,
    /// Write capacity units.
    written: f64,
}

tokio::task_local! {
    static CURRENT: Meter;
}

impl Meter {
    /// A new meter. The duration of the request starts here.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            cost: Arc::default(),
        }
    }

    /// Runs `work` and measures its DynamoDB calls.
    pub async fn measure<F: Future>(&self, work: F) -> F::Output {
        CURRENT.scope(self.clone(), work).await
    }

    /// Counts a call. Pass the result to [`Meter::call_ended`].
    pub(crate) fn call_started() -> u32 {
        Self::current(|cost| {
            cost.calls += 1;
            let round_trip = cost.ended + 1;
            cost.round_trips = cost.round_trips.max(round_trip);
            round_trip
        })
        .unwrap_or_default()
    }

    /// Adds the read and write capacity units of a call.
    pub(crate) fn call_ended(round_trip: u32, read: f64, written: f64) {
        Self::current(|cost| {
            cost.ended = cost.ended.max(round_trip);
            cost.read += read;
            cost.written += written;
        });
    }

    fn current<T>(change: impl FnOnce(&mut Cost) -> T) -> Option<T> {
        CURRENT
            .try_with(|meter| meter.cost.lock().ok().map(|mut cost| change(&mut cost)))
            .ok()
            .flatten()
    }
}

/// The log line of one request.
pub(crate) struct Line<'a> {
    pub request_id: &'a str,
    pub operation: &'static str,
    pub status: StatusCode,
    pub contact: Option<ContactId>,
    pub cold_start: bool,
    pub error: Option<String>,
}

impl Line<'_> {
    pub(crate) fn write(&self, meter: &Meter) {
        let cost = meter.cost.lock().map(|cost| *cost).unwrap_or_default();
        let status = self.status.as_u16();
        let duration_ms = meter.started.elapsed().as_secs_f64() * 1000.0;
        let contact_id = self.contact.map(tracing::field::display);
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request_id = self.request_id,
                    operation = self.operation,
                    status,
                    contact_id,
                    duration_ms,
                    dynamodb_calls = cost.calls,
                    round_trips = cost.round_trips,
                    read_units = cost.read,
                    write_units = cost.written,
                    cold_start = self.cold_start,
                    error = self.error.as_deref(),
                    "request"
                )
            };
        }
        if self.status.is_server_error() {
            line!(error);
        } else {
            line!(info);
        }
    }
}
