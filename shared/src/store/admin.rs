//! What operators do: no Lambda function calls it, and it may scan tables.

mod check;
mod contacts;
mod conversations;
mod erase;
mod export;
mod repair;
mod tokens;

pub use check::{Inconsistency, Report};
pub use contacts::NewContact;
pub use conversations::ConversationRecord;

use super::Store;

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
}
