//! Enforces the policies of the template in the local stack, as IAM does on AWS.
//!
//! Every function of the local stack runs with its own policy, so a missing grant fails the first test that
//! needs it. `tests/drift.rs` reports grants that no request uses.
//!
//! A statement can limit updates to some attributes. It must then grant all that an update names, and the
//! update may not return others. A statement can also limit puts and deletes to partition keys that begin in some way.

mod attributes;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_apigatewaymanagement::operation::delete_connection::DeleteConnectionInput;
use aws_sdk_apigatewaymanagement::operation::post_to_connection::PostToConnectionInput;
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
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use shared::store::{FileAction, FileObserver};

use crate::template::Function;

/// An action on a table, `dynamodb:GetItem on TokensTable`, on one of its attributes,
/// `dynamodb:UpdateItem on ContactsTable (last_active_at)`, on items with some partition keys,
/// `dynamodb:PutItem on ContactsTable (key @*)`, or on files, `s3:GetObject on FilesBucket/*`.
pub type Permission = String;

/// The objects of the bucket.
pub const FILES: &str = "FilesBucket/*";

/// Sending over open sockets.
pub const SEND: &str = "Sockets/live/POST/@connections/*";

/// Closing open sockets.
pub const CLOSE: &str = "Sockets/live/DELETE/@connections/*";

/// What a call needs: a permission for the table, or one for each of these attributes, or one for the partition key.
struct Requirement {
    permission: Permission,
    /// Empty for actions other than updates.
    attributes: BTreeSet<Permission>,
    /// The item of a put, or the key of a delete.
    item: Option<AffectedItem>,
}

/// What a put or a delete affects, of which the partition key is known.
struct AffectedItem {
    action: &'static str,
    table: String,
    attributes: HashMap<String, AttributeValue>,
}

impl Requirement {
    fn new(action: &str, table: &str) -> Self {
        Self {
            permission: permission(action, table),
            attributes: BTreeSet::new(),
            item: None,
        }
    }

    fn with_item(
        action: &'static str,
        table: &str,
        attributes: &HashMap<String, AttributeValue>,
    ) -> Self {
        Self {
            item: Some(AffectedItem {
                action,
                table: table.to_owned(),
                attributes: attributes.clone(),
            }),
            ..Self::new(action, table)
        }
    }

    fn update(table: &str, attributes: &BTreeSet<String>) -> Self {
        let action = "dynamodb:UpdateItem";
        let attributes = attributes.iter();
        Self {
            permission: permission(action, table),
            attributes: attributes
                .map(|attribute| attribute_permission(action, table, attribute))
                .collect(),
            item: None,
        }
    }
}

/// Records which of its permissions a function has used and which other permissions it needed.
#[derive(Clone, Debug)]
pub struct Permissions {
    function: String,
    granted: BTreeSet<Permission>,
    /// Those that only an earlier version uses.
    still_granted: BTreeSet<Permission>,
    /// The names of the partition keys, by table.
    partition_keys: Arc<BTreeMap<String, String>>,
    used: Arc<Mutex<BTreeSet<Permission>>>,
    denied: Arc<Mutex<BTreeSet<Permission>>>,
}

impl Permissions {
    /// Starts to record for a function with its permissions.
    #[must_use]
    pub fn new(function: &Function, partition_keys: Arc<BTreeMap<String, String>>) -> Self {
        Self {
            partition_keys,
            function: function.binary.clone(),
            granted: function.permissions.clone(),
            still_granted: function.still_granted.clone(),
            used: Arc::default(),
            denied: Arc::default(),
        }
    }

    /// Returns the permissions that were granted and not used, unless an earlier version uses them; those that this
    /// version uses although only an earlier one should; and those that were needed and not granted.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = self.granted.difference(&used);
        let unused = unused.filter(|&permission| !self.still_granted.contains(permission));
        let unused = unused.map(|permission| ("unused", permission));
        let still_used = self.still_granted.intersection(&used);
        let still_used = still_used.map(|permission| ("used, but in StillGranted", permission));
        let denied = denied.iter().map(|permission| ("denied", permission));
        let all = unused.chain(still_used).chain(denied);
        all.map(|(kind, permission)| format!("{}: {kind}: {permission}", self.function))
            .collect()
    }

    /// Returns an observer that enforces and records the permissions for files.
    #[must_use]
    pub fn of_files(&self) -> FileObserver {
        let permissions = self.clone();
        Arc::new(move |action| {
            let action = match action {
                FileAction::Put => "s3:PutObject",
                FileAction::Get => "s3:GetObject",
                FileAction::Delete => "s3:DeleteObject",
            };
            permissions.enforce(vec![Requirement::new(action, FILES)])
        })
    }

    /// Records what a call requires.
    ///
    /// # Errors
    ///
    /// If the function has no permission for it.
    fn enforce(&self, required: Vec<Requirement>) -> Result<(), BoxError> {
        match self.check(required) {
            Ok(used) => {
                let mut all = self.used.lock().unwrap_or_else(PoisonError::into_inner);
                all.extend(used);
                Ok(())
            }
            Err(denied) => {
                let list: Vec<_> = denied.iter().map(String::as_str).collect();
                let list = list.join(", ");
                let mut all = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
                all.extend(denied);
                Err(format!("{} has no permission for {list}", self.function).into())
            }
        }
    }

    /// Returns the permissions that a call uses.
    ///
    /// # Errors
    ///
    /// The permissions that it needs and does not have.
    fn check(
        &self,
        required: Vec<Requirement>,
    ) -> Result<BTreeSet<Permission>, BTreeSet<Permission>> {
        let needed = required.into_iter().flat_map(|requirement| {
            let Requirement {
                permission,
                attributes,
                item,
            } = requirement;
            let is_limited = attributes
                .iter()
                .any(|attribute| self.granted.contains(attribute));
            if self.granted.contains(&permission) {
                BTreeSet::from([permission])
            } else if is_limited {
                attributes
            } else if let Some(key) = item.and_then(|item| self.granted_key(&item)) {
                BTreeSet::from([key])
            } else {
                BTreeSet::from([permission])
            }
        });
        let (used, denied): (BTreeSet<_>, BTreeSet<_>) =
            needed.partition(|permission| self.granted.contains(permission));
        if denied.is_empty() {
            Ok(used)
        } else {
            Err(denied)
        }
    }
}

impl Permissions {
    /// Returns the permission to put or delete an item with this partition key, if there is one.
    fn granted_key(&self, item: &AffectedItem) -> Option<Permission> {
        let AffectedItem {
            action,
            table,
            attributes,
        } = item;
        let partition_key = self.partition_keys.get(table)?;
        let key = attributes.get(partition_key)?.as_s().ok()?;
        let mut prefixes = key.char_indices().map(|(start, _)| &key[..start]);
        prefixes
            .by_ref()
            .map(|prefix| key_permission(action, table, &format!("{prefix}*")))
            .find(|permission| self.granted.contains(permission))
    }
}

/// Formats a permission for items whose partition key has this pattern.
#[must_use]
pub fn key_permission(action: &str, table: &str, pattern: &str) -> Permission {
    format!("{action} on {table} (key {pattern})")
}

/// Formats a permission for a table.
#[must_use]
pub fn permission(action: &str, table: &str) -> Permission {
    format!("{action} on {table}")
}

/// Formats a permission for an attribute.
#[must_use]
pub fn attribute_permission(action: &str, table: &str, attribute: &str) -> Permission {
    format!("{action} on {table} ({attribute})")
}

impl Intercept for Permissions {
    fn name(&self) -> &'static str {
        "Permissions"
    }

    /// Sees what is sent, after other interceptors have changed it.
    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let required =
            required(context).ok_or_else(|| format!("{}: unknown operation", self.function))?;
        self.enforce(required)
    }
}

/// Returns what a call requires, or `None` for an operation that this module does not know.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>
fn required(context: &BeforeSerializationInterceptorContextRef<'_>) -> Option<Vec<Requirement>> {
    let input = context.input();
    macro_rules! on_one_table {
        ($($type:ty => $action:literal),*) => {
            $(if let Some(input) = input.downcast_ref::<$type>() {
                return Some(vec![Requirement::new($action, input.table_name.as_deref()?)]);
            })*
        };
    }
    on_one_table!(
        GetItemInput => "dynamodb:GetItem",
        ScanInput => "dynamodb:Scan"
    );
    let on_socket = |resource| vec![Requirement::new("execute-api:ManageConnections", resource)];
    if input.downcast_ref::<PostToConnectionInput>().is_some() {
        return Some(on_socket(SEND));
    }
    if input.downcast_ref::<DeleteConnectionInput>().is_some() {
        return Some(on_socket(CLOSE));
    }
    if let Some(input) = input.downcast_ref::<PutItemInput>() {
        let (table, item) = (input.table_name.as_deref()?, input.item.as_ref()?);
        return Some(vec![Requirement::with_item(
            "dynamodb:PutItem",
            table,
            item,
        )]);
    }
    if let Some(input) = input.downcast_ref::<UpdateItemInput>() {
        let table = input.table_name.as_deref()?;
        let attributes = attributes::of_update_item(input);
        return Some(vec![Requirement::update(table, &attributes)]);
    }
    if let Some(input) = input.downcast_ref::<QueryInput>() {
        let table = input.table_name.as_deref()?;
        let resource = match &input.index_name {
            None => table.to_owned(),
            Some(index) => format!("{table}/index/{index}"),
        };
        return Some(vec![Requirement::new("dynamodb:Query", &resource)]);
    }
    if let Some(input) = input.downcast_ref::<BatchWriteItemInput>() {
        let tables = input.request_items.as_ref()?.keys();
        return Some(
            tables
                .map(|table| Requirement::new("dynamodb:BatchWriteItem", table))
                .collect(),
        );
    }
    if let Some(input) = input.downcast_ref::<BatchGetItemInput>() {
        let tables = input.request_items.as_ref()?.keys();
        return Some(
            tables
                .map(|table| Requirement::new("dynamodb:BatchGetItem", table))
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

fn for_transact_item(item: &TransactWriteItem) -> Option<Requirement> {
    let put = item
        .put()
        .map(|put| Requirement::with_item("dynamodb:PutItem", put.table_name(), put.item()));
    let delete = item.delete().map(|delete| {
        Requirement::with_item("dynamodb:DeleteItem", delete.table_name(), delete.key())
    });
    let update = item
        .update()
        .map(|update| Requirement::update(update.table_name(), &attributes::of_update(update)));
    let check = item.condition_check();
    let check =
        check.map(|check| Requirement::new("dynamodb:ConditionCheckItem", check.table_name()));
    put.or(delete).or(update).or(check)
}
