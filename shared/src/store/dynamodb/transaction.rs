//! Transactions of conditional writes.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem};
use serde::Serialize;

use super::item::{Item, to_item};
use super::retry::Backoff;
use crate::error::{Error, Result};

/// The most items of a transaction.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
pub const MAX_TRANSACTION_ITEMS: usize = 100;

/// What came of a transaction.
pub enum Transaction {
    /// Everything was written.
    Committed,
    /// Nothing was written, because the conditions of the items with these indexes did not hold.
    ConditionsFailed(Vec<usize>),
}

/// Writes all items or none, and says which conditions failed.
///
/// The SDK does not retry a canceled transaction, so conflicts and throttling are retried here.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub async fn transact(db: &Client, items: Vec<TransactWriteItem>) -> Result<Transaction> {
    let mut backoff = Backoff::default();
    loop {
        let request = db.transact_write_items();
        let request = request.set_transact_items(Some(items.clone()));
        let Err(error) = request.send().await else {
            return Ok(Transaction::Committed);
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
            error.as_service_error()
        else {
            return Err(error.into());
        };
        let canceled_by = |codes: &[&str]| {
            let reasons = canceled.cancellation_reasons().iter().enumerate();
            reasons
                .filter(|(_, reason)| reason.code().is_some_and(|code| codes.contains(&code)))
                .map(|(index, _)| index)
                .collect::<Vec<_>>()
        };
        let failed = canceled_by(&["ConditionalCheckFailed"]);
        let temporary = canceled_by(&[
            "TransactionConflict",
            "ThrottlingError",
            "ProvisionedThroughputExceeded",
        ]);
        if !failed.is_empty() {
            return Ok(Transaction::ConditionsFailed(failed));
        } else if !temporary.is_empty() {
            backoff.wait(error).await?;
        } else {
            return Err(Error::internal(error));
        }
    }
}

/// Creates an item; the condition is that no item has this key attribute yet.
pub fn put_new(table: &str, key: &str, item: &impl Serialize) -> Result<TransactWriteItem> {
    put_if(table, item, &format!("attribute_not_exists({key})"), &[])
}

/// Creates or replaces an item; the condition is on the one that has its key.
pub fn put_if(
    table: &str,
    item: &impl Serialize,
    condition: &str,
    values: &[(&str, AttributeValue)],
) -> Result<TransactWriteItem> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(to_item(item)?))
        .condition_expression(condition);
    let put = values.iter().fold(put, |put, (name, value)| {
        put.expression_attribute_values(*name, value.clone())
    });
    let put = put.build().map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Creates or replaces an item, whether it exists or not.
pub fn put(table: &str, item: &impl Serialize) -> Result<TransactWriteItem> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(to_item(item)?));
    let put = put.build().map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Deletes an item if it exists.
pub fn delete(table: &str, key: Item) -> Result<TransactWriteItem> {
    let delete = Delete::builder().table_name(table).set_key(Some(key));
    let delete = delete.build().map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

/// Deletes an item; the condition is that this attribute has this value.
pub fn delete_if(
    table: &str,
    key: Item,
    attribute: &str,
    value: AttributeValue,
) -> Result<TransactWriteItem> {
    let delete = Delete::builder().table_name(table).set_key(Some(key));
    let delete = delete
        .condition_expression("#name = :value")
        .expression_attribute_names("#name", attribute)
        .expression_attribute_values(":value", value);
    let delete = delete.build().map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

/// Deletes an item, on a condition.
pub fn delete_on(
    table: &str,
    key: Item,
    condition: &str,
    values: Vec<(&str, AttributeValue)>,
) -> Result<TransactWriteItem> {
    let delete = Delete::builder()
        .table_name(table)
        .set_key(Some(key))
        .condition_expression(condition);
    let delete = values.into_iter().fold(delete, |delete, (name, value)| {
        delete.expression_attribute_values(name, value)
    });
    let delete = delete.build().map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

/// Writes nothing; the condition is on an item that the transaction does not change.
pub fn condition_check(
    table: &str,
    key: Item,
    condition: &str,
    values: &[(&str, AttributeValue)],
) -> Result<TransactWriteItem> {
    let check = ConditionCheck::builder()
        .table_name(table)
        .set_key(Some(key))
        .condition_expression(condition);
    let check = values.iter().fold(check, |check, (name, value)| {
        check.expression_attribute_values(*name, value.clone())
    });
    let check = check.build().map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}
