//! What needs more than HTTP: the engine in hand, a clock to set, the log to read.
//!
//! `--skip local::` leaves these out where `API_URL` names an API that runs elsewhere.

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
