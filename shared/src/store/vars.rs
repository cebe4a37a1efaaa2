//! Environment variables.

use crate::error::Cause;

/// Whether a variable is `true`; if it is absent or empty, it is not.
///
/// # Errors
///
/// Names the variable if it is neither `true` nor `false`.
pub fn flag(var: impl Fn(&str) -> Option<String>, name: &str) -> Result<bool, Cause> {
    match var(name).as_deref() {
        None | Some("" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(format!("{name} is not true or false: {other}").into()),
    }
}
