//! Runs of random faults, one per seed.
//!
//! A seed determines the operations of each client and the sequence of faults, but not the order in which the
//! clients' calls arrive. A failure prints its seeds. `CHAOS_SEED=7` runs that seed once, or a hundred times with
//! `CHAOS_SEEDS=100`; `CHAOS_SEEDS=1000` alone runs the seeds from 0 to 999.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};
use tokio::runtime::Runtime;

/// The result of a run.
pub struct Outcome<T> {
    /// One line for each violated guarantee.
    pub violations: Vec<String>,
    /// What happened, as far as the test is interested in it.
    pub counts: T,
}

/// Runs the chosen seeds, eight at once, and fails if one violates a guarantee. Returns the counts, and whether a
/// single seed was chosen.
pub async fn run_seeds<T, F>(run: impl Fn(u64) -> F + Copy + Send + 'static) -> (Vec<T>, bool)
where
    T: Send + 'static,
    F: Future<Output = Outcome<T>>,
{
    let single_seed = env_number("CHAOS_SEED");
    let is_single = single_seed.is_some();
    let default = if is_single {
        1
    } else {
        api_tests::cases(40, 100)
    };
    let runs = env_number("CHAOS_SEEDS").unwrap_or(default);
    let seeds = (0..runs).map(|seed| single_seed.unwrap_or(seed));
    let outcomes = stream::iter(seeds).map(async |seed| {
        // A runtime of its own, whose end closes all connections.
        let run = move || Runtime::new().unwrap().block_on(run(seed));
        (seed, tokio::task::spawn_blocking(run).await.unwrap())
    });
    let outcomes: Vec<_> = outcomes.buffer_unordered(8).collect().await;
    let failed = outcomes.iter();
    let failed = failed.filter(|(_, outcome)| !outcome.violations.is_empty());
    let failed: BTreeMap<_, _> = failed
        .map(|(seed, outcome)| (seed, &outcome.violations))
        .collect();
    assert!(failed.is_empty(), "by seed, for CHAOS_SEED: {failed:#?}");
    let counts = outcomes.into_iter().map(|(_, outcome)| outcome.counts);
    (counts.collect(), is_single)
}

/// Fails if no run of a system that has a flaw on purpose violates a guarantee.
pub async fn assert_violated<T, F: Future<Output = Outcome<T>>>(run: impl Fn(u64) -> F) {
    for seed in 0..50 {
        if !run(seed).await.violations.is_empty() {
            return;
        }
    }
    panic!("no seed detected the flaw");
}

/// Returns the number in an environment variable, if it is set.
fn env_number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}
