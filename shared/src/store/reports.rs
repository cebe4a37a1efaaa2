//! The operations on reports of messages.

mod create;
mod list;
mod resolve;

pub use create::CreatedReport;
