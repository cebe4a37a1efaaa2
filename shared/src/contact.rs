//! A contact: a person who sends, reads and reacts.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::id::ContactId;
use crate::time::Seconds;

/// The longest phone number, in characters.
const MAX_PHONE_NUMBER: usize = 32;

/// The longest avatar URL, in characters.
const MAX_AVATAR_URL: usize = 1024;

/// A contact as other contacts see it.
///
/// An erased contact has an id only; all other fields are null.
#[derive(Clone, Debug, Serialize)]
pub struct Contact {
    /// Its id, which never changes.
    pub id: ContactId,
    /// Its username, which is unique and may change.
    pub username: Option<String>,
    /// Its phone number as the contact wrote it.
    pub phone_number: Option<String>,
    /// The URL of its avatar.
    pub avatar_url: Option<String>,
    /// When it made its latest authenticated request, to the minute.
    pub last_active_at: Option<Seconds>,
    /// When it was created.
    pub created_at: Option<Seconds>,
}

impl Contact {
    /// A contact that has been erased.
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

    /// What contacts see that share no conversation with it.
    #[must_use]
    pub fn public_profile(self) -> Self {
        Self {
            phone_number: None,
            last_active_at: None,
            ..self
        }
    }
}

/// A username: 3 to 32 characters of `0-9A-Za-z._-`, unique without regard to case.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(try_from = "String")]
pub struct Username(String);

impl Username {
    /// The username in lower case, which is unique.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// The text is not a username.
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

/// A contact by id or by username. If the text can be both, an id takes precedence.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Mention {
    /// The text.
    pub text: String,
    /// The text as an id, if it is valid as one.
    pub id: Option<ContactId>,
    /// The text as a username, if it is valid as one.
    pub username: Option<Username>,
}

/// The text is neither an id nor a username.
#[derive(Debug, thiserror::Error)]
#[error("must be a username or the id of a contact")]
pub struct InvalidMention;

impl TryFrom<String> for Mention {
    type Error = InvalidMention;

    fn try_from(text: String) -> Result<Self, InvalidMention> {
        let id = text.parse().ok();
        let username = Username::try_from(text.clone()).ok();
        if id.is_none() && username.is_none() {
            return Err(InvalidMention);
        }
        Ok(Self { text, id, username })
    }
}

/// A phone number in free form: 1 to 32 characters of `0-9 +-().#*/x`, no space at either end.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct PhoneNumber(String);

/// The text is not a phone number.
#[derive(Debug, thiserror::Error)]
#[error(
    "must be a phone number: 1 to {MAX_PHONE_NUMBER} characters of 0-9 +-().#*/x, no space at either end (in a form, + is %2B)"
)]
pub struct InvalidPhoneNumber;

impl TryFrom<String> for PhoneNumber {
    type Error = InvalidPhoneNumber;

    fn try_from(text: String) -> Result<Self, InvalidPhoneNumber> {
        let allowed = |byte: u8| byte.is_ascii_digit() || b" +-().#*/x".contains(&byte);
        let is_trimmed = text.trim() == text;
        if (1..=MAX_PHONE_NUMBER).contains(&text.len()) && is_trimmed && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(InvalidPhoneNumber)
        }
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

/// The URL of an avatar: an `https` or `http` URL of up to 1024 characters (RFC 3986).
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct AvatarUrl(String);

/// The text is not an avatar URL.
#[derive(Debug, thiserror::Error)]
#[error("must be an https:// or http:// URL of up to {MAX_AVATAR_URL} characters")]
pub struct InvalidAvatarUrl;

impl TryFrom<String> for AvatarUrl {
    type Error = InvalidAvatarUrl;

    fn try_from(text: String) -> Result<Self, InvalidAvatarUrl> {
        let host = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        let has_host =
            host.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']));
        if has_host && text.len() <= MAX_AVATAR_URL && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(InvalidAvatarUrl)
        }
    }
}

impl From<AvatarUrl> for String {
    fn from(url: AvatarUrl) -> Self {
        url.0
    }
}

/// How to change an optional value.
#[derive(Clone, Debug, Default)]
pub enum Edit<T> {
    /// Keep it.
    #[default]
    Keep,
    /// Clear it.
    Clear,
    /// Set it.
    Set(T),
}

impl<T> Edit<T> {
    /// Returns the new value.
    pub fn apply<U: From<T>>(self, current: Option<U>) -> Option<U> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(value.into()),
        }
    }
}

/// Null, or an empty text in a form, clears the value.
impl<'de, T: TryFrom<String, Error: fmt::Display>> Deserialize<'de> for Edit<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Option::<String>::deserialize(deserializer)? {
            Some(text) if !text.is_empty() => {
                T::try_from(text).map(Self::Set).map_err(D::Error::custom)
            }
            _ => Ok(Self::Clear),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_is_a_username_or_an_id_or_both() {
        let mention = |text: &str| Mention::try_from(text.to_owned());
        let ann = mention("ann").unwrap();
        assert!(ann.id.is_none() && ann.username.is_some());
        let both = mention("WAz8eIbvDR60rouK").unwrap();
        assert!(both.id.is_some() && both.username.is_some());
        for invalid in ["", "an", "ann!", &"a".repeat(33)] {
            assert!(mention(invalid).is_err(), "{invalid:?}");
        }
    }

    #[test]
    fn phone_numbers_and_avatar_urls_are_short_and_plain() {
        for (text, is_number) in [
            ("1-800-759-3000", true),
            ("+49 (30) 1/2#3*x", true),
            ("", false),
            ("call me", false),
            (" 49 30 1", false),
            (&"1".repeat(33), false),
        ] {
            assert_eq!(
                PhoneNumber::try_from(text.to_owned()).is_ok(),
                is_number,
                "{text:?}"
            );
        }
        for (text, is_url) in [
            ("https://example.com/a.jpg?x=1#y", true),
            ("http://a", true),
            ("https://", false),
            ("https:///a", false),
            ("javascript:alert(1)", false),
            ("https://a/\"", false),
            ("https://a b", false),
            (&format!("https://{}", "a".repeat(1017)), false),
        ] {
            assert_eq!(
                AvatarUrl::try_from(text.to_owned()).is_ok(),
                is_url,
                "{text:?}"
            );
        }
    }
}
