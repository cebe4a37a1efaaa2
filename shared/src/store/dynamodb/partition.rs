use std::fmt::Display;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use serde::de::DeserializeOwned;

use super::item::{from_item, string_attr};
use super::query::query_items;
use crate::error::Result;
use crate::page::{Cursor, Direction};

/// The items of a table that have the same partition key, in the order of a list.
pub struct Partition<'a> {
    pub table: &'a str,
    /// The name and the value of the partition key.
    pub key: (&'a str, &'a str),
    /// The name of the sort key, which is an id.
    pub sort_key: &'a str,
    pub order: Order,
}

/// The order of a list by the ids of its items.
#[derive(Clone, Copy)]
pub enum Order {
    Ascending,
    Descending,
}

impl Partition<'_> {
    /// Up to `limit` items next to the cursor, in its direction. Strongly consistent.
    pub async fn items<T: DeserializeOwned>(
        &self,
        db: &Client,
        cursor: Option<Cursor<impl Display>>,
        limit: usize,
    ) -> Result<Vec<T>> {
        let items = query_items(self.query(db, cursor), limit).await?;
        items.into_iter().map(from_item).collect()
    }

    /// A query for the items next to the cursor, in its direction. Strongly consistent.
    pub fn query(&self, db: &Client, cursor: Option<Cursor<impl Display>>) -> QueryFluentBuilder {
        let follows_list = Cursor::direction(cursor.as_ref()) == Direction::Older;
        let is_ascending = match self.order {
            Order::Ascending => follows_list,
            Order::Descending => !follows_list,
        };
        let (key, value) = self.key;
        let query = db
            .query()
            .table_name(self.table)
            .consistent_read(true)
            .expression_attribute_names("#key", key)
            .expression_attribute_values(":key", string_attr(value))
            .scan_index_forward(is_ascending);
        match cursor {
            None => query.key_condition_expression("#key = :key"),
            Some(cursor) => query
                .key_condition_expression(if is_ascending {
                    "#key = :key AND #id > :id"
                } else {
                    "#key = :key AND #id < :id"
                })
                .expression_attribute_names("#id", self.sort_key)
                .expression_attribute_values(":id", string_attr(cursor.id())),
        }
    }
}
