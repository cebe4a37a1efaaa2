//! A contact: a person who sends, reads and reacts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::ContactId;
use crate::time::Seconds;

/// A contact, as others see it.
///
/// Of one that has been erased only the id is left; all else is null.
#[derive(Clone, Debug, Serialize)]
pub struct Contact {
    /// Names the contact for good.
    pub id: ContactId,
    /// What others call the contact; unique, and it may change.
    pub username: Option<String>,
    /// As the contact wrote it.
    pub phone_number: Option<String>,
    /// Where its picture is.
    pub avatar_url: Option<String>,
    /// Its latest authenticated request.
    pub last_active_at: Option<Seconds>,
    /// When it was added.
    pub created_at: Option<Seconds>,
}

impl Contact {
    /// What is shown of a contact that has been erased.
    #[must_use]
    pub fn erased(id: ContactId) -> Self {
        Self {
            id,
            username: None,
            phone_number: None,
            avatar_url: None,
            last_active_at: None,
            created_at: None,
        }
    }
}

/// A username: 3 to 32 characters of `0-9A-Za-z._-`, unique without regard to case.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(try_from = "String")]
pub struct Username(String);

impl Username {
    /// What is the same for two usernames that may not both exist.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// Why a text is not a username.
#[derive(Debug, thiserror::Error)]
#[error("must be a username: 3 to 32 characters of 0-9A-Za-z._-")]
pub struct InvalidUsername;

impl TryFrom<String> for Username {
    type Error = InvalidUsername;

    fn try_from(text: String) -> Result<Self, InvalidUsername> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if (3..=32).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(InvalidUsername)
        }
    }
}

impl From<Username> for String {
    fn from(username: Username) -> Self {
        username.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
