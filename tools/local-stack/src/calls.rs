//! Records which operations of DynamoDB the functions call on which tables: what CloudWatch has metrics for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemInput;
use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemInput;
use aws_sdk_dynamodb::operation::get_item::GetItemInput;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::query::QueryInput;
use aws_sdk_dynamodb::operation::scan::ScanInput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::TransactWriteItem;

/// The operations that were called, by table.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<BTreeMap<String, BTreeSet<&'static str>>>>);

impl Calls {
    /// Returns the operations that were called so far, by table: `TokensTable` to `BatchGetItem`, …
    #[must_use]
    pub fn by_table(&self) -> BTreeMap<String, BTreeSet<&'static str>> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.clone()
    }
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (operation, tables) = call(context).ok_or("unknown operation")?;
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for table in tables {
            calls.entry(table).or_default().insert(operation);
        }
        Ok(())
    }
}

/// Returns an operation and its tables, or `None` for an operation that this module does not know.
fn call(
    context: &BeforeSerializationInterceptorContextRef<'_>,
) -> Option<(&'static str, Vec<String>)> {
    let input = context.input();
    macro_rules! on_one_table {
        ($($type:ty => $operation:literal),*) => {
            $(if let Some(input) = input.downcast_ref::<$type>() {
                return Some(($operation, vec![input.table_name.clone()?]));
            })*
        };
    }
    macro_rules! on_several_tables {
        ($($type:ty => $operation:literal),*) => {
            $(if let Some(input) = input.downcast_ref::<$type>() {
                let tables = input.request_items.as_ref()?.keys();
                return Some(($operation, tables.cloned().collect()));
            })*
        };
    }
    on_one_table!(
        GetItemInput => "GetItem",
        PutItemInput => "PutItem",
        QueryInput => "Query",
        ScanInput => "Scan",
        UpdateItemInput => "UpdateItem"
    );
    on_several_tables!(
        BatchGetItemInput => "BatchGetItem",
        BatchWriteItemInput => "BatchWriteItem"
    );
    let input = input.downcast_ref::<TransactWriteItemsInput>()?;
    let tables = input.transact_items.as_ref()?.iter().map(table);
    Some(("TransactWriteItems", tables.collect::<Option<_>>()?))
}

fn table(item: &TransactWriteItem) -> Option<String> {
    let put = item.put().map(|put| &put.table_name);
    let delete = item.delete().map(|delete| &delete.table_name);
    let update = item.update().map(|update| &update.table_name);
    let check = item.condition_check().map(|check| &check.table_name);
    put.or(delete).or(update).or(check).cloned()
}
