//! In the table of contacts: how far the erasure of a contact is, in an item of its own, because the contact may not
//! exist. Its `id` is `erasure:` and the id of the contact.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::id::ContactId;
use crate::store::dynamodb::item::{Item, number_attr, string_attr};
use crate::store::erasure::{Erased, KnownContact, Stage};
use crate::time::Micros;

/// Begins the ids of these items.
pub const PREFIX: &str = "erasure:";

#[derive(Deserialize, Serialize)]
pub struct ErasureItem {
    pub id: String,
    /// Grows with each write, so that of two requests at once only one goes on.
    pub revision: u64,
    pub stage: Stage,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// When this pass began.
    pub began_at: Micros,
    /// How many items it has found.
    pub found: u64,
    /// When a pass has found some last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_at: Option<Micros>,
    /// The contact when it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<KnownContact>,
    pub erased: Erased,
    /// When this was written; absent in items of before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_at: Option<Micros>,
}

impl ErasureItem {
    /// The contact that is being erased.
    pub fn contact(&self) -> Option<ContactId> {
        self.id.strip_prefix(PREFIX)?.parse().ok()
    }

    /// When a request continued the erasure last.
    pub fn latest_progress(&self) -> Micros {
        self.saved_at.unwrap_or(self.began_at)
    }
}

/// The key of the item after which a stage goes on.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Position(BTreeMap<String, KeyAttribute>);

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum KeyAttribute {
    Number(u64),
    Text(String),
}

impl From<Item> for Position {
    fn from(key: Item) -> Self {
        let attributes = key.into_iter().filter_map(|(name, value)| {
            let value = match value {
                AttributeValue::S(text) => KeyAttribute::Text(text),
                AttributeValue::N(number) => KeyAttribute::Number(number.parse().ok()?),
                _ => return None,
            };
            Some((name, value))
        });
        Self(attributes.collect())
    }
}

impl From<Position> for Item {
    fn from(position: Position) -> Self {
        let attributes = position.0.into_iter().map(|(name, value)| {
            let value = match value {
                KeyAttribute::Text(text) => string_attr(text),
                KeyAttribute::Number(number) => number_attr(number),
            };
            (name, value)
        });
        attributes.collect()
    }
}

pub fn id(contact: ContactId) -> String {
    format!("{PREFIX}{contact}")
}

pub fn key(contact: ContactId) -> Item {
    Item::from([("id".to_owned(), string_attr(id(contact)))])
}
