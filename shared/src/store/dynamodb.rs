//! DynamoDB without our tables: connections, items, queries, batches, puts, updates and transactions.

pub(super) mod batch;
pub(super) mod concurrency;
pub(super) mod connection;
mod error;
pub(super) mod item;
pub(super) mod metering;
pub(super) mod partition;
pub(super) mod put;
pub(super) mod query;
pub(super) mod retry;
pub(super) mod transaction;
mod unreported;
pub(super) mod update;
