//! What a function may do, as its policy in the template says: IAM's part, for the local stack.
//!
//! Every function of the local stack runs under it, so a policy too narrow shows in the first test
//! that calls the function; what is never used shows in a test of its own.

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

/// The permissions of one function, which of them it has used, and what else it wanted.
#[derive(Clone, Debug)]
pub struct Permissions {
    function: String,
    granted: BTreeSet<Permission>,
    used: Arc<Mutex<BTreeSet<Permission>>>,
    denied: Arc<Mutex<BTreeSet<Permission>>>,
}

impl Permissions {
    /// What `function` is granted, none of it used yet.
    #[must_use]
    pub fn new(function: &str, granted: BTreeSet<Permission>) -> Self {
        Self {
            function: function.to_owned(),
            granted,
            used: Arc::default(),
            denied: Arc::default(),
        }
    }

    /// What it was granted and has not used, and what it wanted and was not granted.
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
        all.map(|(what, permission)| format!("{}: {what}: {permission}", self.function))
            .collect()
    }
}

/// How a permission is written here.
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
            required(context).ok_or_else(|| format!("{}: an unknown operation", self.function))?;
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

/// What a call needs; none if it is of a kind that no function has made so far.
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
