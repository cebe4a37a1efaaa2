//! A contact: a person who sends, reads and reacts.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::id::ContactId;
use crate::time::Seconds;

/// The longest phone number, in characters.
const MAX_PHONE_NUMBER: usize = 32;

/// The longest address of a picture, in characters.
const MAX_AVATAR_URL: usize = 1024;

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

    /// What those see of the contact who share no conversation with it: enough to begin one.
    #[must_use]
    pub fn to_strangers(self) -> Self {
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

/// A contact by its id or by its username, whichever the text is; an id goes before a username.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Mention {
    /// As it was written.
    pub text: String,
    /// As an id, if it can be one.
    pub id: Option<ContactId>,
    /// As a username, if it can be one.
    pub username: Option<Username>,
}

/// Why a text mentions nobody.
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

/// A phone number as its owner writes it: 1 to 32 characters of `0-9 +-().#*/x`, no space at either end.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct PhoneNumber(String);

/// Why a text is not a phone number.
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

/// Where a picture is: an `https` or `http` URL of up to 1024 characters (RFC 3986).
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct AvatarUrl(String);

/// Why a text is not the address of a picture.
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

/// What shall become of something that a contact need not have.
#[derive(Clone, Debug, Default)]
pub enum Edit<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It goes.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<T> Edit<T> {
    /// What it is then.
    pub fn apply<U: From<T>>(self, now: Option<U>) -> Option<U> {
        match self {
            Self::Keep => now,
            Self::Clear => None,
            Self::Set(value) => Some(value.into()),
        }
    }
}

/// Null, or in a form nothing, clears.
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
        for nobody in ["", "an", "ann!", &"a".repeat(33)] {
            assert!(mention(nobody).is_err(), "{nobody:?}");
        }
    }

    #[test]
    fn phone_numbers_and_pictures_have_short_plain_texts() {
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
