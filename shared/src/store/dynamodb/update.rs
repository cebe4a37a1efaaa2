//! A conditional update of one item.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    self, AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};

use super::item::Item;
use super::retry::Backoff;
use crate::error::{Error, Result};

/// What came of an update whose item is of interest.
pub enum Outcome {
    /// The item after it.
    Updated(Item),
    /// The condition did not hold for this item; none if there is none.
    Refused(Option<Item>),
}

/// An update of one item, sent alone or as part of a transaction.
pub struct Update {
    table: String,
    key: Item,
    expression: String,
    condition: String,
    names: Option<HashMap<String, String>>,
    values: HashMap<String, AttributeValue>,
}

impl Update {
    /// Updates the item with this key by `expression` if `condition` holds.
    pub fn new(table: &str, key: Item, expression: &str, condition: &str) -> Self {
        Self {
            table: table.to_owned(),
            key,
            expression: expression.to_owned(),
            condition: condition.to_owned(),
            names: None,
            values: HashMap::new(),
        }
    }

    /// Defines the placeholder `#name`, needed where an attribute has the name of a reserved word.
    pub fn name(mut self, placeholder: &str, attribute: &str) -> Self {
        let names = self.names.get_or_insert_default();
        names.insert(placeholder.to_owned(), attribute.to_owned());
        self
    }

    /// Defines the placeholder `:value`.
    pub fn value(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.insert(placeholder.to_owned(), value);
        self
    }

    /// Defines several placeholders for values.
    pub fn values(self, values: Vec<(&str, AttributeValue)>) -> Self {
        let values = values.into_iter();
        values.fold(self, |update, (name, value)| update.value(name, value))
    }

    /// The update as part of a transaction.
    pub fn into_transaction_item(self) -> Result<TransactWriteItem> {
        let update = types::Update::builder()
            .table_name(self.table)
            .set_key(Some(self.key))
            .update_expression(self.expression)
            .condition_expression(self.condition)
            .set_expression_attribute_names(self.names)
            .set_expression_attribute_values(non_empty(self.values));
        let update = update.build().map_err(Error::internal)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Sends the update alone. Returns whether the condition held.
    pub async fn send(self, db: &Client) -> Result<bool> {
        let outcome = self.send_with(db, |request| request).await?;
        Ok(matches!(outcome, Outcome::Updated(_)))
    }

    /// Sends the update alone. Returns the item.
    pub async fn send_and_return(self, db: &Client) -> Result<Outcome> {
        self.send_with(db, |request| {
            request
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                )
        })
        .await
    }

    async fn send_with(
        self,
        db: &Client,
        returning: impl Fn(UpdateItemFluentBuilder) -> UpdateItemFluentBuilder,
    ) -> Result<Outcome> {
        let mut backoff = Backoff::default();
        loop {
            let request = db
                .update_item()
                .table_name(&self.table)
                .set_key(Some(self.key.clone()))
                .update_expression(&self.expression)
                .condition_expression(&self.condition)
                .set_expression_attribute_names(self.names.clone())
                .set_expression_attribute_values(non_empty(self.values.clone()));
            match returning(request).send().await {
                Ok(updated) => return Ok(Outcome::Updated(updated.attributes.unwrap_or_default())),
                Err(error) => match error.as_service_error() {
                    Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                        return Ok(Outcome::Refused(refused.item.clone()));
                    }
                    Some(UpdateItemError::TransactionConflictException(_)) => {
                        backoff.wait(error).await?;
                    }
                    _ => return Err(error.into()),
                },
            }
        }
    }
}

/// DynamoDB rejects an empty map of placeholders.
fn non_empty(values: HashMap<String, AttributeValue>) -> Option<HashMap<String, AttributeValue>> {
    Some(values).filter(|values| !values.is_empty())
}
