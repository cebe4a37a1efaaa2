//! The measurements of one binary, with their percentiles and the resulting cost.

use std::time::Duration;

use local_stack::prices;
use serde_json::{Value, json};

use crate::process::Run;

/// The measurements of one binary over one transport.
pub struct Measurements {
    pub name: String,
    pub runs: Vec<Run>,
    /// `None` if instructions are not counted.
    pub instructions: Option<Instructions>,
    pub binary_bytes: usize,
    pub zip_bytes: usize,
}

/// Instructions that the CPU executes in each phase, as counted by callgrind.
#[derive(Clone, Copy, Debug)]
pub struct Instructions {
    pub init: u64,
    pub first_request: u64,
    pub warm_request: u64,
}

/// Median, minimum and maximum of all rounds, in milliseconds.
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Measurements {
    /// Time from the start of the process to its first poll.
    pub fn init_ms(&self) -> Spread {
        spread(self.runs.iter().map(|run| run.init))
    }

    pub fn first_ms(&self) -> Spread {
        spread(self.runs.iter().map(|run| run.first))
    }

    /// Percentile of the warm requests of all rounds.
    pub fn warm_percentile_ms(&self, percent: usize) -> f64 {
        let mut all: Vec<_> = self.runs.iter().flat_map(|run| &run.warm).collect();
        all.sort_unstable();
        let last = all.len().saturating_sub(1);
        all.get(last * percent / 100)
            .map_or(0.0, |duration| to_ms(**duration))
    }

    pub fn peak_memory_mib(&self) -> f64 {
        let peak = self.runs.iter().map(|run| run.peak_memory_kib).max();
        as_f64(peak.unwrap_or_default()) / 1024.0
    }

    /// Returns a number from the log record of the last request, or 0 if the binary does not write one.
    pub fn logged(&self, field: &str) -> f64 {
        let log = self.runs.last().map(|run| &run.log[field]);
        log.and_then(Value::as_f64).unwrap_or_default()
    }

    /// Cost of a million warm requests. `None` for binaries that do not log their DynamoDB capacity units.
    pub fn dollars_per_million(&self) -> Option<f64> {
        let logs_units = self.logged("duration_ms") > 0.0;
        let (read, written) = (self.logged("read_units"), self.logged("write_units"));
        logs_units.then(|| prices::dollars_per_million_requests(read, written))
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
            "instructions": self.instructions.map(|instructions| json!({
                "init": instructions.init,
                "first": instructions.first_request,
                "warm": instructions.warm_request,
            })),
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
    let mut all: Vec<_> = all.map(to_ms).collect();
    all.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| all.get(index).copied().unwrap_or_default();
    Spread {
        median: at(all.len() / 2),
        min: at(0),
        max: at(all.len().saturating_sub(1)),
    }
}

fn to_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "all numbers are below 2^52")]
pub fn as_f64(count: u64) -> f64 {
    count as f64
}
