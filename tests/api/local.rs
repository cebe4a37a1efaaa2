//! Tests that need the local stack: direct access to the engine, a clock that can be set, or the log.
//!
//! If `API_URL` names an API that runs elsewhere, skip them with `--skip local::`.

mod activity;
mod cleanup;
mod clock_skew;
mod cost;
mod demo_data;
mod dynamodb_errors;
mod fault_injection;
mod gateway;
mod leaving;
mod log;
mod model;
mod paging;
mod properties;
mod reference;
mod retry_quota;
