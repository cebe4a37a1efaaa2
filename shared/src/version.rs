//! Versions of a message, for those who want to change only what they have seen.

use serde::{Deserialize, Serialize};

/// How often a message has been changed, counting its sending. That its sender or those who reacted say
/// something else of themselves is no change of it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Version(pub u64);

/// Which versions a request is meant for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Expected {
    /// Any, as long as there is one.
    Any,
    /// One of these; with none in it, none at all.
    OneOf(Vec<Version>),
}

impl Expected {
    /// Whether a request is meant for this version.
    #[must_use]
    pub fn includes(&self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}
