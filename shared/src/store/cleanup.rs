//! How much one request cleans up. A repeated request continues.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use tokio::time::Instant;

use super::Store;
use super::dynamodb::batch::delete_all;
use super::dynamodb::query::query_items;
use crate::error::Result;
use crate::log::Meter;

/// The number of items per step of a deletion.
const STEP: usize = 500;

/// How far a request came with work that can take several requests.
#[must_use = "unfinished work has to be continued"]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// Everything is done.
    Finished,
    /// More is left: the same request continues.
    Unfinished,
}

/// How long one request cleans up, and how much it may consume: what a partition takes in that time, so that
/// nobody else who uses it is throttled for long.
#[derive(Clone, Copy, Debug)]
pub struct CleanupLimit {
    /// `None` without a limit.
    end: Option<Instant>,
}

impl CleanupLimit {
    /// Capacity units of the whole request.
    const UNITS: u64 = 4_000;

    /// No limit, for operators.
    pub fn none() -> Self {
        Self { end: None }
    }

    /// Whether the request has to stop. Called between the steps of a cleanup.
    pub fn is_reached(self) -> bool {
        let is_reached = |end| Instant::now() >= end || Meter::current_units() >= Self::UNITS;
        self.end.is_some_and(is_reached)
    }
}

impl Store {
    /// The limit of a cleanup that starts now.
    pub(super) fn cleanup_limit(&self) -> CleanupLimit {
        CleanupLimit {
            end: Some(Instant::now() + self.timeouts.cleanup),
        }
    }

    /// Deletes the items of a table whose keys a query returns, in steps.
    pub(super) async fn delete_queried(
        &self,
        table: &str,
        keys: &QueryFluentBuilder,
        limit: CleanupLimit,
    ) -> Result<Progress> {
        loop {
            let keys = query_items(keys.clone(), STEP).await?;
            let is_last = keys.len() < STEP;
            let keys = keys.into_iter().map(|key| (table, key));
            delete_all(&self.db, keys.collect()).await?;
            if is_last {
                return Ok(Progress::Finished);
            }
            if limit.is_reached() {
                return Ok(Progress::Unfinished);
            }
        }
    }
}
