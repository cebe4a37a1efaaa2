//! Items and attributes in the SDK's types.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::aws_sdk_dynamodb_1 as serde_dynamodb;

use crate::error::{Error, Result};

/// An item, or its key.
pub type Item = HashMap<String, AttributeValue>;

/// Reads an item; a mismatch is a bug, or data that no version of this code has written.
pub fn from_item<T: DeserializeOwned>(item: Item) -> Result<T> {
    serde_dynamodb::from_item(item).map_err(Error::internal)
}

/// Writes an item.
pub fn to_item(value: &impl Serialize) -> Result<Item> {
    serde_dynamodb::to_item(value).map_err(Error::internal)
}

/// Writes an attribute.
pub fn to_attribute(value: &impl Serialize) -> Result<AttributeValue> {
    serde_dynamodb::to_attribute_value(value).map_err(Error::internal)
}

/// An attribute of type S.
#[expect(
    clippy::needless_pass_by_value,
    reason = "ids are as small as references to them"
)]
pub fn string_attr(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

/// An attribute of type N.
pub fn number_attr(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// An attribute of type NS.
pub fn number_set_attr(numbers: impl IntoIterator<Item = u64>) -> AttributeValue {
    let numbers = numbers.into_iter();
    AttributeValue::Ns(numbers.map(|number| number.to_string()).collect())
}

/// An attribute of type SS.
pub fn string_set_attr(texts: impl IntoIterator<Item: ToString>) -> AttributeValue {
    AttributeValue::Ss(texts.into_iter().map(|text| text.to_string()).collect())
}
