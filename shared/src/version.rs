//! Versions of a message, for conditional requests.

use serde::{Deserialize, Serialize};

/// 1 for a new message, incremented by each change. A change of a contact's profile does not count.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Version(pub u64);

/// The versions that a request applies to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Expected {
    /// Any version.
    Any,
    /// One of these; none if it is empty.
    OneOf(Vec<Version>),
}

impl Expected {
    /// Whether the request applies to this version.
    #[must_use]
    pub fn includes(&self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}
