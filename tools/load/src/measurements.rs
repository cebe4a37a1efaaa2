//! What was measured: how long each kind of request took, and what went wrong.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The durations of all requests so far, by operation.
#[derive(Default)]
pub struct Measured(Mutex<BTreeMap<&'static str, Kind>>);

#[derive(Default)]
struct Kind {
    microseconds: Vec<u32>,
    failed: usize,
}

impl Measured {
    /// A request has been answered.
    pub fn add(&self, operation: &'static str, took: Duration, went_well: bool) {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = kinds.entry(operation).or_default();
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        kind.microseconds.push(took);
        kind.failed += usize::from(!went_well);
    }

    /// How many requests so far.
    pub fn count(&self) -> usize {
        let kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.values().map(|kind| kind.microseconds.len()).sum()
    }

    /// Prints all of it; whether nothing failed.
    pub fn report(&self, elapsed: Duration) -> bool {
        let count = u32::try_from(self.count()).unwrap_or(u32::MAX);
        println!(
            "\n{:.0} requests a second",
            f64::from(count) / elapsed.as_secs_f64()
        );
        println!(
            "\n{:20} {:>8} {:>8} {:>8} {:>8} {:>7}",
            "operation", "count", "p50 ms", "p99 ms", "max ms", "failed"
        );
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failed = 0;
        for (operation, kind) in kinds.iter_mut() {
            kind.microseconds.sort_unstable();
            let at = |percent: usize| {
                let last = kind.microseconds.len().saturating_sub(1);
                let took = kind.microseconds.get(last * percent / 100);
                f64::from(took.copied().unwrap_or_default()) / 1000.0
            };
            println!(
                "{operation:20} {:8} {:8.1} {:8.1} {:8.1} {:7}",
                kind.microseconds.len(),
                at(50),
                at(99),
                at(100),
                kind.failed
            );
            failed += kind.failed;
        }
        failed == 0
    }
}

/// What this process has in memory, in MiB; 0 where that cannot be told.
pub fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or_default() / 1024
}
