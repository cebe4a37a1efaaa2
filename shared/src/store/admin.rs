//! What operators do: no Lambda function calls it, and it may scan tables.

mod check;
mod contacts;
mod conversations;
mod erase;
mod export;
mod keys;
mod repair;
mod tokens;
mod usernames;

pub use check::{Inconsistency, Report};
pub use conversations::ConversationRecord;
pub use export::ExportedMessage;
pub use usernames::UsernameStatus;

use super::Store;
use super::dynamodb::item::Item;
use crate::error::Result;

/// The operator's access to the store, without authentication and authorization.
#[derive(Clone, Debug)]
pub struct Admin {
    store: Store,
}

impl Admin {
    /// The operator's access to `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Visits all items of a table.
    async fn scan(&self, table: &str, mut visit: impl FnMut(Item) -> Result<()>) -> Result<()> {
        let mut start = None;
        loop {
            let scan = self
                .store
                .db
                .scan()
                .table_name(table)
                .set_exclusive_start_key(start);
            let page = scan.consistent_read(true).send().await?;
            page.items
                .unwrap_or_default()
                .into_iter()
                .try_for_each(&mut visit)?;
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }
}
