//! What was measured: how long each kind of request took, and what went wrong.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The durations of all requests so far, by operation.
#[derive(Default)]
pub struct Measurements(Mutex<BTreeMap<&'static str, OperationStats>>);

#[derive(Default)]
struct OperationStats {
    microseconds: Vec<u32>,
    failed: usize,
}

impl Measurements {
    /// A request has been answered.
    pub fn record(&self, operation: &'static str, duration: Duration, succeeded: bool) {
        let mut operations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = operations.entry(operation).or_default();
        let duration = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
        stats.microseconds.push(duration);
        stats.failed += usize::from(!succeeded);
    }

    /// How many requests so far.
    pub fn request_count(&self) -> usize {
        let operations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        operations
            .values()
            .map(|stats| stats.microseconds.len())
            .sum()
    }

    /// Prints all of it; whether nothing failed.
    pub fn print_summary(&self, elapsed: Duration) -> bool {
        let count = u32::try_from(self.request_count()).unwrap_or(u32::MAX);
        println!(
            "\n{:.0} requests a second",
            f64::from(count) / elapsed.as_secs_f64()
        );
        println!(
            "\n{:20} {:>8} {:>8} {:>8} {:>8} {:>7}",
            "operation", "count", "p50 ms", "p99 ms", "max ms", "failed"
        );
        let mut operations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failed = 0;
        for (operation, stats) in operations.iter_mut() {
            stats.microseconds.sort_unstable();
            let percentile = |percent: usize| {
                let last = stats.microseconds.len().saturating_sub(1);
                let duration = stats.microseconds.get(last * percent / 100);
                f64::from(duration.copied().unwrap_or_default()) / 1000.0
            };
            println!(
                "{operation:20} {:8} {:8.1} {:8.1} {:8.1} {:7}",
                stats.microseconds.len(),
                percentile(50),
                percentile(99),
                percentile(100),
                stats.failed
            );
            failed += stats.failed;
        }
        failed == 0
    }
}

/// What this process has in memory, in MiB; 0 where that cannot be told.
pub fn resident_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or_default() / 1024
}
