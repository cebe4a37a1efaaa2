//! What needs more than HTTP: the engine in hand, a clock to set, the log to read.
//!
//! `--skip local::` leaves these out where `API_URL` names an API that runs elsewhere.

mod activity;
mod chaos;
mod clocks;
mod cost;
mod demo_data;
mod faults;
mod gateway;
mod leaving;
mod log;
mod model;
mod paging;
mod properties;
mod reference;
mod remains;
mod retry_quota;
