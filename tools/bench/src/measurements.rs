//! What was measured of a binary, and what follows from it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Run;

/// DynamoDB on demand, per million read and write units; API Gateway (HTTP API) per million requests;
/// Lambda per million requests and per GB·s; 0.9 KB of logs for each of a million; us-east-1, in dollars.
const DOLLARS_PER_MILLION_READ_UNITS: f64 = 0.125;
const DOLLARS_PER_MILLION_WRITE_UNITS: f64 = 0.625;
const DOLLARS_PER_MILLION_API_GATEWAY_REQUESTS: f64 = 1.00;
const DOLLARS_PER_MILLION_LAMBDA_REQUESTS: f64 = 0.20;
const DOLLARS_PER_LAMBDA_GB_SECOND: f64 = 0.000_016_666_7;
const DOLLARS_PER_MILLION_LOG_RECORDS: f64 = 0.45;

/// All of one binary, reached one way.
pub struct Measurements {
    pub name: String,
    pub runs: Vec<Run>,
    /// Of the start, of the first request, of a warm one; none without valgrind.
    pub instructions: Option<[u64; 3]>,
    pub binary_bytes: usize,
    pub zip_bytes: usize,
}

/// A median, and how far apart the rounds were, in milliseconds.
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Measurements {
    /// Of the start, in milliseconds.
    pub fn init_ms(&self) -> Spread {
        spread(self.runs.iter().map(|run| run.init))
    }

    /// Of the first request.
    pub fn first_ms(&self) -> Spread {
        spread(self.runs.iter().map(|run| run.first))
    }

    /// Of the warm requests of all rounds, at this percentage.
    pub fn warm_percentile_ms(&self, percent: usize) -> f64 {
        let mut all: Vec<_> = self.runs.iter().flat_map(|run| &run.warm).collect();
        all.sort_unstable();
        let last = all.len().saturating_sub(1);
        all.get(last * percent / 100).map_or(0.0, |took| ms(**took))
    }

    /// In MiB.
    pub fn peak_memory_mib(&self) -> f64 {
        let peak = self.runs.iter().map(|run| run.peak_memory_kib).max();
        as_f64(peak.unwrap_or_default()) / 1024.0
    }

    /// What the last warm request of a round asked of DynamoDB, as the log has it; 0 for others' binaries.
    pub fn logged(&self, field: &str) -> f64 {
        let log = self.runs.last().map(|run| &run.log[field]);
        log.and_then(Value::as_f64).unwrap_or_default()
    }

    /// A million warm requests of a function of ours, at 256 MB and at the 10 ms that the README assumes.
    pub fn dollars_per_million(&self) -> Option<f64> {
        let is_function = self.logged("duration_ms") > 0.0;
        let units = self.logged("read_units") * DOLLARS_PER_MILLION_READ_UNITS
            + self.logged("write_units") * DOLLARS_PER_MILLION_WRITE_UNITS;
        let lambda =
            DOLLARS_PER_MILLION_LAMBDA_REQUESTS + 10_000.0 * 0.25 * DOLLARS_PER_LAMBDA_GB_SECOND;
        is_function.then_some(
            units
                + DOLLARS_PER_MILLION_API_GATEWAY_REQUESTS
                + lambda
                + DOLLARS_PER_MILLION_LOG_RECORDS,
        )
    }

    pub fn to_json(&self) -> Value {
        let spread =
            |spread: Spread| json!({"median": spread.median, "min": spread.min, "max": spread.max});
        json!({
            "name": self.name,
            "init_ms": spread(self.init_ms()),
            "first_ms": spread(self.first_ms()),
            "warm_ms": {"p50": self.warm_percentile_ms(50), "p99": self.warm_percentile_ms(99)},
            "warm_requests": self.runs.iter().map(|run| run.warm.len()).sum::<usize>(),
            "instructions": self.instructions.map(|[init, first, warm]| {
                json!({"init": init, "first": first, "warm": warm})
            }),
            "peak_mib": self.peak_memory_mib(),
            "binary_bytes": self.binary_bytes,
            "zip_bytes": self.zip_bytes,
            "dynamodb_calls": self.logged("dynamodb_calls"),
            "round_trips": self.logged("round_trips"),
            "read_units": self.logged("read_units"),
            "write_units": self.logged("write_units"),
            "dollars_per_million": self.dollars_per_million(),
        })
    }
}

fn spread(all: impl Iterator<Item = Duration>) -> Spread {
    let mut all: Vec<_> = all.map(ms).collect();
    all.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| all.get(index).copied().unwrap_or_default();
    Spread {
        median: at(all.len() / 2),
        min: at(0),
        max: at(all.len().saturating_sub(1)),
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "no figure has 52 bits")]
pub fn as_f64(count: u64) -> f64 {
    count as f64
}
