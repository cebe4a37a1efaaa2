//! One JSON log line per request with its cost. It never contains a token, a phone number or a message text.

use std::io;
use std::panic;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use lambda_http::http::StatusCode;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::id::{ContactId, TokenId};

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
///
/// Of dependencies only errors are logged: what they warn of, such as a conditional write that fails, is
/// part of normal operation.
pub fn init_with(writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) {
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(Level::INFO)
        .with_writer(writer)
        .finish()
        .with(filter_fn(is_logged))
        .try_init();
}

fn is_logged(metadata: &Metadata<'_>) -> bool {
    let is_own = metadata.target().starts_with(env!("CARGO_CRATE_NAME"));
    is_own || *metadata.level() == Level::ERROR
}

/// Measures what one request uses of DynamoDB and S3.
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
    units: Units,
    file_calls: u32,
    /// What S3 charges, in write units of the same price.
    file_units: u32,
}

impl Cost {
    /// The number of sequential round trips up to and including a call that starts now.
    fn next_round_trip(&mut self) -> u32 {
        let round_trip = self.ended + 1;
        self.round_trips = self.round_trips.max(round_trip);
        round_trip
    }
}

/// Capacity units.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Units {
    /// Read units.
    pub read: f64,
    /// Write units.
    pub written: f64,
    /// An estimate of the write units that DynamoDB charges and does not report.
    pub unreported: f64,
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

    /// The capacity units so far, those that are not reported and the requests to S3 included.
    pub(crate) fn units(&self) -> u64 {
        let Cost {
            units, file_units, ..
        } = self.cost.lock().map(|cost| *cost).unwrap_or_default();
        let units = (units.read + units.written + units.unreported).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small and not negative"
        )]
        let units = units as u64;
        units + u64::from(file_units)
    }

    /// The capacity units so far of the request that is being measured; 0 outside of requests.
    pub(crate) fn current_units() -> u64 {
        CURRENT.try_with(Self::units).unwrap_or_default()
    }

    /// Counts a call of DynamoDB. Pass the result to [`Meter::call_ended`].
    pub(crate) fn call_started() -> u32 {
        Self::current(|cost| {
            cost.calls += 1;
            cost.next_round_trip()
        })
        .unwrap_or_default()
    }

    /// Counts a call of S3. Pass the result to [`Meter::file_call_ended`].
    pub(crate) fn file_call_started() -> u32 {
        Self::current(|cost| {
            cost.file_calls += 1;
            cost.next_round_trip()
        })
        .unwrap_or_default()
    }

    /// Ends a call of S3.
    pub(crate) fn file_call_ended(round_trip: u32) {
        Self::call_ended(round_trip, Units::default());
    }

    /// Adds what a request to S3 costs, in write units of the same price.
    pub(crate) fn add_file_units(units: u32) {
        Self::current(|cost| cost.file_units += units);
    }

    /// Adds the capacity units of a call.
    pub(crate) fn call_ended(round_trip: u32, units: Units) {
        Self::current(|cost| {
            cost.ended = cost.ended.max(round_trip);
            cost.units.read += units.read;
            cost.units.written += units.written;
            cost.units.unreported += units.unreported;
        });
    }

    fn current<T>(change: impl FnOnce(&mut Cost) -> T) -> Option<T> {
        CURRENT
            .try_with(|meter| meter.cost.lock().ok().map(|mut cost| change(&mut cost)))
            .ok()
            .flatten()
    }
}

/// The log line of a batch of records of a table's stream. Lambda repeats those that failed.
pub(crate) struct Records<'a> {
    pub request_id: &'a str,
    pub operation: &'static str,
    pub count: usize,
    pub failed: usize,
    /// The first one.
    pub error: Option<String>,
}

impl Records<'_> {
    pub(crate) fn write(&self, meter: &Meter) {
        let cost = meter.cost.lock().map(|cost| *cost).unwrap_or_default();
        let duration_ms = meter.started.elapsed().as_secs_f64() * 1000.0;
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request_id = self.request_id,
                    operation = self.operation,
                    count = self.count,
                    failed = self.failed,
                    duration_ms,
                    dynamodb_calls = cost.calls,
                    round_trips = cost.round_trips,
                    read_units = cost.units.read,
                    write_units = cost.units.written,
                    error = self.error.as_deref(),
                    "records"
                )
            };
        }
        if self.error.is_some() {
            line!(error);
        } else {
            line!(info);
        }
    }
}

/// The log line of one request.
pub(crate) struct Line<'a> {
    pub request_id: &'a str,
    pub operation: &'static str,
    pub status: StatusCode,
    pub contact: Option<ContactId>,
    pub key: Option<TokenId>,
    pub cold_start: bool,
    pub error: Option<String>,
}

impl Line<'_> {
    pub(crate) fn write(&self, meter: &Meter) {
        let cost = meter.cost.lock().map(|cost| *cost).unwrap_or_default();
        let status = self.status.as_u16();
        let duration_ms = meter.started.elapsed().as_secs_f64() * 1000.0;
        let contact_id = self.contact.map(tracing::field::display);
        let key_id = self.key.map(tracing::field::display);
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request_id = self.request_id,
                    operation = self.operation,
                    status,
                    contact_id,
                    key_id,
                    duration_ms,
                    dynamodb_calls = cost.calls,
                    round_trips = cost.round_trips,
                    read_units = cost.units.read,
                    write_units = cost.units.written,
                    unreported_units = cost.units.unreported,
                    file_calls = cost.file_calls,
                    file_units = cost.file_units,
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
