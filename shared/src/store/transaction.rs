//! Writes of several items, all or none.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};

use super::Store;
use crate::error::{Error, Result};

/// Why nothing was written: for each item what stood against it, in their order.
#[derive(Debug, thiserror::Error)]
#[error("the transaction was cancelled: {reasons:?}")]
pub(super) struct Cancelled {
    reasons: Vec<Option<Reason>>,
}

/// What can stand against an item and is no failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reason {
    /// Its condition did not hold.
    Condition,
    /// Another write had it at the same time.
    Conflict,
}

impl Cancelled {
    /// What stood against the first item.
    pub(super) fn first(&self) -> Option<Reason> {
        self.reasons.first().copied().flatten()
    }

    /// Whether this stood against any of them.
    pub(super) fn by(&self, reason: Reason) -> bool {
        self.reasons.contains(&Some(reason))
    }
}

impl Store {
    /// Writes all items or, if a condition fails or another write interferes, none.
    pub(super) async fn transact(
        &self,
        items: Vec<TransactWriteItem>,
    ) -> Result<Result<(), Cancelled>> {
        let request = self
            .db
            .transact_write_items()
            .set_transact_items(Some(items));
        let Err(error) = request.send().await else {
            return Ok(Ok(()));
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let reasons = cancelled.cancellation_reasons().iter().map(reason);
                match reasons.collect::<Result<_, _>>() {
                    Ok(reasons) => Ok(Err(Cancelled { reasons })),
                    Err(Failure::Throttled) => Err(Error::Unavailable(error.into())),
                    Err(Failure::Other) => Err(Error::internal(error)),
                }
            }
            _ => Err(error.into()),
        }
    }
}

enum Failure {
    Throttled,
    Other,
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
fn reason(reason: &CancellationReason) -> Result<Option<Reason>, Failure> {
    match reason.code() {
        None | Some("None") => Ok(None),
        Some("ConditionalCheckFailed") => Ok(Some(Reason::Condition)),
        Some("TransactionConflict") => Ok(Some(Reason::Conflict)),
        Some("ProvisionedThroughputExceeded" | "ThrottlingError") => Err(Failure::Throttled),
        Some(_) => Err(Failure::Other),
    }
}
