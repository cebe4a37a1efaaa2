//! Tests of the whole system, over HTTP and the command line, and the switch for the long ones.
//!
//! - `api`: the HTTP API, one file per operation; in `api/local`, what needs the local engine.
//! - `lambda`: the compiled functions, each in a process of its own.
//! - `drift`: template, policies, alarms, handlers and documentation agree.
//! - `documentation`: the curl lines of the documentation.

/// A number of cases: the first in the quick run, the second if `DEEP_TESTS` is set, as in CI.
#[must_use]
pub fn cases<T>(quick: T, deep: T) -> T {
    if std::env::var_os("DEEP_TESTS").is_some_and(|value| !value.is_empty()) {
        deep
    } else {
        quick
    }
}
