//! Tests of the whole system, through its front doors. There is nothing in this library.
//!
//! - `api`: the HTTP API, one file per operation; in `api/local`, what needs the local engine.
//! - `lambda`: the compiled functions, each in a process of its own.
//! - `drift`: template, policies, alarms, handlers and documentation agree.
//! - `documentation`: the curl lines of the documentation.
