//! Enforces the policies of the template in the local stack, as IAM does on AWS.
//!
//! Every function of the local stack runs with its own policy, so a missing grant fails the first test that
//! needs it. `tests/drift.rs` reports grants that no request uses.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemInput;
use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemInput;
use aws_sdk_dynamodb::operation::get_item::GetItemInput;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::query::QueryInput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::TransactWriteItem;

/// An action on a table: `dynamodb:GetItem on TokensTable`.
pub type Permission = String;

/// Records which of its permissions a function has used and which other permissions it needed.
#[derive(Clone, Debug)]
pub struct Permissions {
    function: String,
    granted: BTreeSet<Permission>,
    used: Arc<Mutex<BTreeSet<Permission>>>,
    denied: Arc<Mutex<BTreeSet<Permission>>>,
}

impl Permissions {
    /// Starts to record for a function with these permissions.
    #[must_use]
    pub fn new(function: &str, granted: BTreeSet<Permission>) -> Self {
        Self {
            function: function.to_owned(),
            granted,
            used: Arc::default(),
            denied: Arc::default(),
        }
    }

    /// Returns the permissions that were granted and not used, and those that were needed and not granted.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = self
            .granted
            .difference(&used)
            .map(|permission| ("unused", permission));
        let denied = denied.iter().map(|permission| ("denied", permission));
        let all = unused.chain(denied);
        all.map(|(kind, permission)| format!("{}: {kind}: {permission}", self.function))
            .collect()
    }
}

/// Formats a permission.
#[must_use]
pub fn permission(action: &str, table: &str) -> Permission {
    format!("{action} on {table}")
}

impl Intercept for Permissions {
    fn name(&self) -> &'static str {
        "Permissions"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let required =
            required(context).ok_or_else(|| format!("{}: unknown operation", self.function))?;
        if let Some(denied) = required
            .iter()
            .find(|permission| !self.granted.contains(*permission))
        {
            self.denied
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(denied.clone());
            return Err(format!("{} has no permission for {denied}", self.function).into());
        }
        self.used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(required);
        Ok(())
    }
}

/// Returns the permissions that a call requires, or `None` for an operation that this module does not know.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>
fn required(context: &BeforeSerializationInterceptorContextRef<'_>) -> Option<Vec<Permission>> {
    let input = context.input();
    macro_rules! on_one_table {
        ($($type:ty => $action:literal),*) => {
            $(if let Some(input) = input.downcast_ref::<$type>() {
                return Some(vec![permission($action, input.table_name.as_deref()?)]);
            })*
        };
    }
    on_one_table!(
        GetItemInput => "dynamodb:GetItem",
        PutItemInput => "dynamodb:PutItem",
        UpdateItemInput => "dynamodb:UpdateItem"
    );
    if let Some(input) = input.downcast_ref::<QueryInput>() {
        let table = input.table_name.as_deref()?;
        let resource = match &input.index_name {
            None => table.to_owned(),
            Some(index) => format!("{table}/index/{index}"),
        };
        return Some(vec![permission("dynamodb:Query", &resource)]);
    }
    if let Some(input) = input.downcast_ref::<BatchWriteItemInput>() {
        let tables = input.request_items.as_ref()?.keys();
        return Some(
            tables
                .map(|table| permission("dynamodb:BatchWriteItem", table))
                .collect(),
        );
    }
    if let Some(input) = input.downcast_ref::<BatchGetItemInput>() {
        let tables = input.request_items.as_ref()?.keys();
        return Some(
            tables
                .map(|table| permission("dynamodb:BatchGetItem", table))
                .collect(),
        );
    }
    let input = input.downcast_ref::<TransactWriteItemsInput>()?;
    input
        .transact_items
        .as_ref()?
        .iter()
        .map(for_transact_item)
        .collect()
}

fn for_transact_item(item: &TransactWriteItem) -> Option<Permission> {
    let put = item
        .put()
        .map(|put| permission("dynamodb:PutItem", put.table_name()));
    let delete = item
        .delete()
        .map(|delete| permission("dynamodb:DeleteItem", delete.table_name()));
    let update = item
        .update()
        .map(|update| permission("dynamodb:UpdateItem", update.table_name()));
    let check = item.condition_check();
    let check = check.map(|check| permission("dynamodb:ConditionCheckItem", check.table_name()));
    put.or(delete).or(update).or(check)
}
