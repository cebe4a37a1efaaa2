//! Authentication, and the operations on tokens.
//!
//! A token can issue others. The tokens of a contact are therefore trees, whose roots an operator issued. If a
//! token is revoked, so are all below it.

mod authenticate;
mod create;
mod last_used;
mod list;
mod quota;
mod revoke;
mod revoke_others;

pub use authenticate::{contact_or_key, require};
pub use list::into_token;
