//! A contact: a person who sends, reads and reacts.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::id::ContactId;
use crate::metadata::Metadata;
use crate::time::Seconds;

/// The longest phone number, in characters.
const MAX_PHONE_NUMBER: usize = 32;

/// The longest avatar URL, in characters.
const MAX_AVATAR_URL: usize = 1024;

/// The most contacts that a contact can block. They are part of its item, which every response reads that
/// shows it.
pub const MAX_BLOCKS: u64 = 100;

/// The most usernames that stay taken at a time because a contact gave them up.
pub const MAX_RELEASED_USERNAMES: usize = 5;

/// The most bytes that a contact takes in a response; a page of contacts is never too large.
pub const MAX_JSON_LEN: usize = 2300 + Metadata::MAX_JSON_LEN;

/// A contact as a response shows it. What it contains depends on the viewer: see [`Profile::shown_to`].
#[derive(Clone, Debug, Serialize)]
pub struct Contact {
    /// Its id, which never changes.
    pub id: ContactId,
    /// Its username, which is unique and may change.
    pub username: Option<String>,
    /// Its phone number as the contact wrote it. Private.
    pub phone_number: Option<String>,
    /// The URL of its avatar.
    pub avatar_url: Option<String>,
    /// What the operator's server stored with it.
    pub metadata: Metadata,
    /// When it made its latest authenticated request, accurate to two minutes. Private.
    pub last_active_at: Option<Seconds>,
    /// When it was created.
    pub created_at: Option<Seconds>,
    /// Its id in the operator's system, which is unique. Only the operator sees it.
    pub external_id: Option<ExternalId>,
    /// Since when it can have no tokens, if it is suspended. Only the operator sees it.
    pub suspended_at: Option<Seconds>,
}

/// The caller, as `GET /v1/me` shows it.
#[derive(Debug, Serialize)]
pub struct Me {
    /// Its contact.
    #[serde(flatten)]
    pub contact: Contact,
    /// How many unread messages it has in its open conversations, at most
    /// [`MAX_UNREAD`](crate::conversation::MAX_UNREAD).
    pub unread_count: usize,
}

/// Everything that is stored of a contact. It is not serializable: [`Profile::shown_to`] decides what a
/// response shows of it.
#[derive(Clone, Debug)]
pub struct Profile {
    contact: Contact,
    blocks: BTreeSet<ContactId>,
}

/// How a viewer and a contact know each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Relation {
    /// The viewer is the operator.
    Operator,
    /// They share a conversation, or are the same.
    Acquainted,
    /// They do not share a conversation.
    Stranger,
}

impl Profile {
    /// A profile with everything that is stored, and the contacts that this one has blocked.
    #[must_use]
    pub fn new(contact: Contact, blocks: BTreeSet<ContactId>) -> Self {
        Self { contact, blocks }
    }

    /// The profile of an erased contact, which has an id only.
    #[must_use]
    pub fn erased(id: ContactId) -> Self {
        let contact = Contact {
            id,
            username: None,
            phone_number: None,
            avatar_url: None,
            metadata: Metadata::default(),
            last_active_at: None,
            created_at: None,
            external_id: None,
            suspended_at: None,
        };
        Self::new(contact, BTreeSet::new())
    }

    /// Its username, which everyone may see; none if the contact has been erased.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.contact.username.as_deref()
    }

    /// Whether it is suspended, as it is while it is being erased.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.contact.suspended_at.is_some()
    }

    /// The contacts that this one has blocked.
    #[must_use]
    pub fn blocks(&self) -> &BTreeSet<ContactId> {
        &self.blocks
    }

    /// Its metadata, which everyone may see.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.contact.metadata
    }

    /// Whether this contact has blocked another.
    #[must_use]
    pub fn has_blocked(&self, other: ContactId) -> bool {
        self.blocks.contains(&other)
    }

    /// The contact as a viewer sees it. Phone number and last activity are private: strangers do not see
    /// them. Only the operator sees its external id, and whether it is suspended.
    #[must_use]
    pub fn shown_to(self, viewer: Relation) -> Contact {
        match viewer {
            Relation::Operator => self.contact,
            Relation::Acquainted => Contact {
                external_id: None,
                suspended_at: None,
                ..self.contact
            },
            Relation::Stranger => Contact {
                phone_number: None,
                last_active_at: None,
                external_id: None,
                suspended_at: None,
                ..self.contact
            },
        }
    }
}

/// The id of a contact in the operator's system: 1 to 255 visible ASCII characters, unique with regard to case.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String")]
pub struct ExternalId(String);

/// The text is not an external id.
#[derive(Debug, thiserror::Error)]
#[error("must be an external id: 1 to 255 visible ASCII characters, without spaces")]
pub struct InvalidExternalId;

impl TryFrom<String> for ExternalId {
    type Error = InvalidExternalId;

    fn try_from(text: String) -> Result<Self, InvalidExternalId> {
        if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(InvalidExternalId)
        }
    }
}

impl ExternalId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a request with a server key names a contact: by its id, or `external:` and its external id.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub enum ContactRef {
    /// By its id.
    Id(ContactId),
    /// By its id in the operator's system.
    External(ExternalId),
}

/// The text names no contact.
#[derive(Debug, thiserror::Error)]
#[error("must be the id of a contact; a server key can also send external: and its external id")]
pub struct InvalidContactRef;

impl FromStr for ContactRef {
    type Err = InvalidContactRef;

    fn from_str(text: &str) -> Result<Self, InvalidContactRef> {
        match text.strip_prefix("external:") {
            Some(external) => ExternalId::try_from(external.to_owned())
                .map(Self::External)
                .map_err(|_| InvalidContactRef),
            None => text.parse().map(Self::Id).map_err(|_| InvalidContactRef),
        }
    }
}

impl TryFrom<String> for ContactRef {
    type Error = InvalidContactRef;

    fn try_from(text: String) -> Result<Self, InvalidContactRef> {
        text.parse()
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

    /// Whether it could be the id of a contact.
    #[must_use]
    pub fn is_like_id(&self) -> bool {
        self.0.parse::<ContactId>().is_ok()
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
    /// The external id, if the text is `external:` and one. Only a server key may mention contacts so.
    pub external_id: Option<ExternalId>,
}

/// The text is neither an id nor a username.
#[derive(Debug, thiserror::Error)]
#[error("must be a username or the id of a contact")]
pub struct InvalidMention;

impl TryFrom<String> for Mention {
    type Error = InvalidMention;

    fn try_from(text: String) -> Result<Self, InvalidMention> {
        let username = Username::try_from(text.clone()).ok();
        let (id, external_id) = match text.parse() {
            Ok(ContactRef::Id(id)) => (Some(id), None),
            Ok(ContactRef::External(external_id)) => (None, Some(external_id)),
            Err(_) => (None, None),
        };
        if id.is_none() && username.is_none() && external_id.is_none() {
            return Err(InvalidMention);
        }
        Ok(Self {
            text,
            id,
            username,
            external_id,
        })
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
