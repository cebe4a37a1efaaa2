//! Authentication, and the operations on tokens.

mod authenticate;
mod create;
mod list;
mod revoke;
