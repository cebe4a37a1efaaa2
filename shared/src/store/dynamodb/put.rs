//! A put of an item that may have been put before.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use serde::Serialize;

use super::item::to_item;
use crate::error::Result;

/// Puts an item, unless there is one with its key already. `key` is an attribute of the key.
pub async fn put_once(db: &Client, table: &str, key: &str, item: &impl Serialize) -> Result<()> {
    let put = db
        .put_item()
        .table_name(table)
        .set_item(Some(to_item(item)?))
        .condition_expression(format!("attribute_not_exists({key})"));
    match put.send().await {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error() {
            // This was done before.
            Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(error.into()),
        },
    }
}
