//! The deliveries of events to webhooks: an item each, which exists before the first attempt and says when the next one
//! is due.
//!
//! The function that publishes changes puts them (`put`). Their stream leads to the first attempt, and a schedule finds
//! those that are due (`due`). An attempt first writes when the next one is due (`attempt`), so that an attempt that is
//! interrupted is repeated, and that of two instances one attempts it.

mod attempt;
mod due;
mod list;
mod put;
mod replay;
mod retries;
mod settle;

pub use due::Task;
pub(super) use retries::MAX_ATTEMPTS;
