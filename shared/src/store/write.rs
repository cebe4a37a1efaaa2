//! Conditional writes, of one item or of several at once.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use serde::Serialize;

use super::failure::Backoff;
use super::{Store, written};
use crate::error::{Error, Result};

impl Store {
    /// Puts a row into a table, if this key attribute says that it is not there yet.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`].
    pub(super) async fn add(&self, table: &str, key: &str, row: &impl Serialize) -> Result<()> {
        let put = self.db.put_item().table_name(table);
        let put = put
            .set_item(Some(written(row)?))
            .condition_expression(absent(key));
        match put.send().await {
            Err(error) if is_taken(error.as_service_error()) => Err(Error::AlreadyExists),
            outcome => Ok(outcome.map(drop)?),
        }
    }

    /// Writes all items, or none if a condition does not hold; whether they were written.
    ///
    /// The SDK does not try cancelled transactions again, so what passes by itself is waited for here.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
    pub(super) async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<bool> {
        let mut backoff = Backoff::default();
        loop {
            let request = self.db.transact_write_items();
            let request = request.set_transact_items(Some(items.clone()));
            let Err(error) = request.send().await else {
                return Ok(true);
            };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
                error.as_service_error()
            else {
                return Err(error.into());
            };
            let because = |codes: &[&str]| {
                let reasons = cancelled.cancellation_reasons().iter();
                reasons
                    .filter_map(|reason| reason.code())
                    .any(|code| codes.contains(&code))
            };
            if because(&["ConditionalCheckFailed"]) {
                return Ok(false);
            } else if because(&[
                "TransactionConflict",
                "ThrottlingError",
                "ProvisionedThroughputExceeded",
            ]) {
                backoff.wait(error).await?;
            } else {
                return Err(Error::internal(error));
            }
        }
    }
}

/// The part of a transaction that puts a row, if this key attribute says that it is not there yet.
pub(super) fn put(table: &str, key: &str, row: &impl Serialize) -> Result<TransactWriteItem> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(written(row)?));
    let put = put
        .condition_expression(absent(key))
        .build()
        .map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn absent(key: &str) -> String {
    format!("attribute_not_exists({key})")
}

fn is_taken(error: Option<&PutItemError>) -> bool {
    error.is_some_and(PutItemError::is_conditional_check_failed_exception)
}
