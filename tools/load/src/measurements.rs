//! Latency and failures of the requests, by operation.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

#[derive(Default)]
pub struct Measurements(Mutex<BTreeMap<&'static str, OperationStats>>);

#[derive(Default)]
struct OperationStats {
    durations_us: Vec<u32>,
    failed_count: usize,
}

impl Measurements {
    pub fn record(&self, operation: &'static str, duration: Duration, succeeded: bool) {
        let mut operations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = operations.entry(operation).or_default();
        let duration = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
        stats.durations_us.push(duration);
        stats.failed_count += usize::from(!succeeded);
    }

    pub fn request_count(&self) -> usize {
        let operations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        operations
            .values()
            .map(|stats| stats.durations_us.len())
            .sum()
    }

    pub fn failed_count(&self) -> usize {
        let operations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        operations.values().map(|stats| stats.failed_count).sum()
    }

    pub fn print_summary(&self, elapsed: Duration) {
        let count = u32::try_from(self.request_count()).unwrap_or(u32::MAX);
        println!(
            "\n{:.0} requests per second",
            f64::from(count) / elapsed.as_secs_f64()
        );
        println!(
            "\n{:30} {:>8} {:>8} {:>8} {:>8} {:>7}",
            "operation", "count", "p50 ms", "p99 ms", "max ms", "failed"
        );
        let mut operations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (operation, stats) in operations.iter_mut() {
            stats.durations_us.sort_unstable();
            let percentile = |percent: usize| {
                let last = stats.durations_us.len().saturating_sub(1);
                let duration = stats.durations_us.get(last * percent / 100);
                f64::from(duration.copied().unwrap_or_default()) / 1000.0
            };
            println!(
                "{operation:30} {:8} {:8.1} {:8.1} {:8.1} {:7}",
                stats.durations_us.len(),
                percentile(50),
                percentile(99),
                percentile(100),
                stats.failed_count
            );
        }
    }
}

/// Returns the resident memory of this process in MiB, or 0 on systems without `/proc`.
pub fn resident_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or_default() / 1024
}
