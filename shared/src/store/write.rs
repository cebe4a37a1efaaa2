//! Conditional writes, of one item or of several at once.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    self, AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem,
};
use serde::Serialize;

use super::failure::Backoff;
use super::{Item, Store, written};
use crate::error::{Error, Result};

impl Store {
    /// Writes all items, or none; the numbers of those whose conditions did not hold, empty if all were written.
    ///
    /// The SDK does not try cancelled transactions again, so what passes by itself is waited for here.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
    pub(super) async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<Vec<usize>> {
        let mut backoff = Backoff::default();
        loop {
            let request = self.db.transact_write_items();
            let request = request.set_transact_items(Some(items.clone()));
            let Err(error) = request.send().await else {
                return Ok(Vec::new());
            };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
                error.as_service_error()
            else {
                return Err(error.into());
            };
            let because = |codes: &[&str]| {
                let reasons = cancelled.cancellation_reasons().iter().enumerate();
                reasons
                    .filter(|(_, reason)| reason.code().is_some_and(|code| codes.contains(&code)))
                    .map(|(number, _)| number)
                    .collect::<Vec<_>>()
            };
            let failed = because(&["ConditionalCheckFailed"]);
            let passing = because(&[
                "TransactionConflict",
                "ThrottlingError",
                "ProvisionedThroughputExceeded",
            ]);
            if !failed.is_empty() {
                return Ok(failed);
            } else if !passing.is_empty() {
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

/// The part of a transaction that deletes an item, if there is one.
pub(super) fn delete(table: &str, key: Item) -> Result<TransactWriteItem> {
    let delete = Delete::builder().table_name(table).set_key(Some(key));
    let delete = delete.build().map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

/// The part of a transaction that deletes an item, if this attribute of it has this value.
pub(super) fn delete_if(
    table: &str,
    key: Item,
    name: &str,
    value: AttributeValue,
) -> Result<TransactWriteItem> {
    let delete = Delete::builder().table_name(table).set_key(Some(key));
    let delete = delete
        .condition_expression("#name = :value")
        .expression_attribute_names("#name", name)
        .expression_attribute_values(":value", value);
    let delete = delete.build().map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

/// The part of a transaction that changes nothing, and holds it up unless `condition` holds of an item,
/// in which each `:name` stands for a value.
pub(super) fn check(
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

/// A change of one item: alone, or as part of a transaction.
pub(super) struct Update {
    table: String,
    key: Item,
    expression: String,
    condition: String,
    names: Option<HashMap<String, String>>,
    values: HashMap<String, AttributeValue>,
}

impl Update {
    /// Changes the item with this key as `expression` says, if `condition` holds.
    pub(super) fn new(table: &str, key: Item, expression: &str, condition: &str) -> Self {
        Self {
            table: table.to_owned(),
            key,
            expression: expression.to_owned(),
            condition: condition.to_owned(),
            names: None,
            values: HashMap::new(),
        }
    }

    /// Which attribute `#name` stands for in it: some names are words of DynamoDB's.
    pub(super) fn naming(mut self, name: &str, attribute: &str) -> Self {
        let names = self.names.get_or_insert_default();
        names.insert(name.to_owned(), attribute.to_owned());
        self
    }

    /// What `:name` stands for in it.
    pub(super) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// As part of a transaction.
    pub(super) fn into_part(self) -> Result<TransactWriteItem> {
        let update = types::Update::builder()
            .table_name(self.table)
            .set_key(Some(self.key))
            .update_expression(self.expression)
            .condition_expression(self.condition)
            .set_expression_attribute_names(self.names)
            .set_expression_attribute_values(Some(self.values));
        let update = update.build().map_err(Error::internal)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Alone; whether the condition held.
    pub(super) async fn send(self, db: &Client) -> Result<bool> {
        let mut backoff = Backoff::default();
        loop {
            let request = db
                .update_item()
                .table_name(&self.table)
                .set_key(Some(self.key.clone()))
                .update_expression(&self.expression)
                .condition_expression(&self.condition)
                .set_expression_attribute_names(self.names.clone())
                .set_expression_attribute_values(Some(self.values.clone()));
            match request.send().await {
                Ok(_) => return Ok(true),
                Err(error) => match error.as_service_error() {
                    Some(UpdateItemError::ConditionalCheckFailedException(_)) => return Ok(false),
                    Some(UpdateItemError::TransactionConflictException(_)) => {
                        backoff.wait(error).await?;
                    }
                    _ => return Err(error.into()),
                },
            }
        }
    }
}

fn absent(key: &str) -> String {
    format!("attribute_not_exists({key})")
}
