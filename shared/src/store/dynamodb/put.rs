//! A put of an item that may have been put before.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use serde::Serialize;

use super::item::{Item, to_item};
use crate::error::Result;

/// Puts an item, unless there is one with its key already, which it returns. `key` is an attribute of the key.
pub async fn put_once(
    db: &Client,
    table: &str,
    key: &str,
    item: &impl Serialize,
) -> Result<Option<Item>> {
    let put = db
        .put_item()
        .table_name(table)
        .set_item(Some(to_item(item)?))
        .condition_expression(format!("attribute_not_exists({key})"))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match put.send().await {
        Ok(_) => Ok(None),
        Err(error) => match error.as_service_error() {
            // This was done before.
            Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                Ok(Some(refused.item.clone().unwrap_or_default()))
            }
            _ => Err(error.into()),
        },
    }
}
