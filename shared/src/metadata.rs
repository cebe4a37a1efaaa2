//! Metadata: keys and values that applications store with a message, a conversation or a contact.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::Error;

/// The most keys of an object.
pub const MAX_KEYS: usize = 50;

/// The longest key, in characters.
const MAX_KEY: usize = 40;

/// The longest value, in characters.
const MAX_VALUE: usize = 500;

/// The most bytes of UTF-8 that the keys and values of an object have together. Whoever reads the object reads its
/// metadata, so this bounds what one participant can make the others pay, and the size of a page.
pub const MAX_BYTES: usize = 4 * 1024;

/// The metadata of an object.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// The most bytes that metadata takes in a response: JSON within the JSON of Lambda's response, in which a quote
    /// takes four. The keys and values have quotes and separators around them.
    pub const MAX_JSON_LEN: usize = MAX_BYTES * 4 + MAX_KEYS * 10;

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The most bytes that this metadata takes in a response.
    #[must_use]
    pub fn max_json_len(&self) -> usize {
        self.len() * 4 + self.0.len() * 10
    }

    /// Each key and its value, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The bytes of all keys and values.
    fn len(&self) -> usize {
        self.0
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum()
    }
}

/// How to change metadata: the keys that are given are set, or removed if their value is empty; the others are kept.
#[derive(Clone, Debug, Default)]
pub struct MetadataUpdate(Change);

#[derive(Clone, Debug, Default)]
enum Change {
    /// None was given.
    #[default]
    Keep,
    Clear,
    Merge(BTreeMap<Key, Value>),
}

impl MetadataUpdate {
    /// Whether no metadata was given.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self.0, Change::Keep)
    }

    /// The metadata after the update.
    ///
    /// # Errors
    ///
    /// [`Error::MetadataTooLarge`].
    pub fn apply(&self, before: &Metadata) -> Result<Metadata, Error> {
        let entries = match &self.0 {
            Change::Keep => return Ok(before.clone()),
            Change::Clear => return Ok(Metadata::default()),
            Change::Merge(entries) => entries,
        };
        let mut after = before.clone();
        for (Key(key), Value(value)) in entries {
            if value.is_empty() {
                after.0.remove(key);
            } else {
                after.0.insert(key.clone(), value.clone());
            }
        }
        if after.0.len() <= MAX_KEYS && after.len() <= MAX_BYTES {
            Ok(after)
        } else {
            Err(Error::MetadataTooLarge)
        }
    }
}

/// A key: 1 to 40 characters, no square brackets, which forms need.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(try_from = "String")]
struct Key(String);

/// The text is not a key of metadata.
#[derive(Debug, thiserror::Error)]
#[error(
    "must be a key of 1 to {MAX_KEY} characters, without square brackets and control characters"
)]
struct InvalidKey;

impl TryFrom<String> for Key {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        let is_allowed = |char: char| !char.is_control() && !matches!(char, '[' | ']');
        if (1..=MAX_KEY).contains(&text.chars().count()) && text.chars().all(is_allowed) {
            Ok(Self(text))
        } else {
            Err(InvalidKey)
        }
    }
}

/// A value: up to 500 characters; an empty one removes its key.
#[derive(Clone, Debug, Default)]
struct Value(String);

/// The text is not a value of metadata.
#[derive(Debug, thiserror::Error)]
enum InvalidValue {
    #[error("must be at most {MAX_VALUE} characters, was {len}")]
    TooLong { len: usize },
    #[error("must not contain control characters, except for tabs and line breaks")]
    Control,
}

impl TryFrom<String> for Value {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        let is_allowed = |char: char| !char.is_control() || matches!(char, '\t' | '\n' | '\r');
        let len = text.chars().count();
        if len > MAX_VALUE {
            Err(InvalidValue::TooLong { len })
        } else if text.chars().all(is_allowed) {
            Ok(Self(text))
        } else {
            Err(InvalidValue::Control)
        }
    }
}

/// Null is like an empty text.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        Self::try_from(text.unwrap_or_default()).map_err(D::Error::custom)
    }
}

/// An object, or null or an empty text to remove all keys.
impl<'de> Deserialize<'de> for MetadataUpdate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UpdateVisitor)
    }
}

struct UpdateVisitor;

impl<'de> Visitor<'de> for UpdateVisitor {
    type Value = MetadataUpdate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object (in a form: metadata[key]=value)")
    }

    fn visit_unit<E>(self) -> Result<MetadataUpdate, E> {
        Ok(MetadataUpdate(Change::Clear))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<MetadataUpdate, E> {
        if text.is_empty() {
            return self.visit_unit();
        }
        Err(E::invalid_type(serde::de::Unexpected::Str(text), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MetadataUpdate, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(key) = map.next_key::<Key>()? {
            let value = map.next_value()?;
            if entries.insert(key, value).is_some() {
                return Err(A::Error::custom("must not have a key twice"));
            }
        }
        Ok(MetadataUpdate(Change::Merge(entries)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn update(json: serde_json::Value) -> Result<MetadataUpdate, serde_json::Error> {
        serde_json::from_value(json)
    }

    fn after(before: &Metadata, json: serde_json::Value) -> serde_json::Value {
        let after = update(json).unwrap().apply(before).unwrap();
        serde_json::to_value(after).unwrap()
    }

    #[test]
    fn given_keys_are_merged_and_empty_values_remove_theirs() {
        let before = update(json!({"order": "7", "color": "red"})).unwrap();
        let before = before.apply(&Metadata::default()).unwrap();
        let merged = after(&before, json!({"color": "blue", "size": "L"}));
        assert_eq!(merged, json!({"color": "blue", "order": "7", "size": "L"}));
        for empty in [json!(""), json!(null)] {
            assert_eq!(
                after(&before, json!({"color": empty})),
                json!({"order": "7"})
            );
            assert_eq!(after(&before, empty), json!({}));
        }
        assert_eq!(
            after(&before, json!({})),
            json!({"color": "red", "order": "7"})
        );
    }

    #[test]
    fn keys_have_up_to_40_characters_and_values_up_to_500() {
        for (key, value, is_valid) in [
            ("a", "b", true),
            (&"é".repeat(40), &"é".repeat(500), true),
            ("a key with spaces", "\ttwo\r\nlines", true),
            ("", "b", false),
            (&"a".repeat(41), "b", false),
            ("a[b]", "c", false),
            ("a\n", "b", false),
            ("a", &"b".repeat(501), false),
            ("a", "\0", false),
        ] {
            let entry = json!({ key: value });
            assert_eq!(update(entry).is_ok(), is_valid, "{key:?}: {value:?}");
        }
        for invalid in [json!("text"), json!(1), json!(["a"]), json!({"a": 1})] {
            assert!(update(invalid.clone()).is_err(), "{invalid}");
        }
    }

    #[test]
    fn an_object_has_up_to_50_keys_and_4_kib() {
        let keys = |count: usize| (0..count).map(|number| (number.to_string(), json!("x")));
        let full = update(keys(50).collect()).unwrap();
        let full = full.apply(&Metadata::default()).unwrap();
        let another = update(json!({"another": "x"})).unwrap();
        assert!(another.apply(&full).is_err());
        let instead = update(json!({"another": "x", "0": ""})).unwrap();
        assert!(instead.apply(&full).is_ok());

        let bytes = |last: usize| {
            let long = (0..8).map(|number| (number.to_string(), json!("x".repeat(500))));
            let all = long.chain([("8".to_owned(), json!("x".repeat(last)))]);
            update(all.collect()).unwrap().apply(&Metadata::default())
        };
        assert_eq!(bytes(87).unwrap().len(), MAX_BYTES);
        assert!(bytes(88).is_err());
    }

    #[test]
    fn no_metadata_takes_more_than_the_stated_bytes_in_a_response() {
        let quotes = (0..8).map(|number| (number.to_string(), json!("\"".repeat(500))));
        let metadata = update(quotes.collect()).unwrap();
        let metadata = metadata.apply(&Metadata::default()).unwrap();
        let json = serde_json::to_string(&metadata).unwrap();
        let in_json = serde_json::to_string(&json).unwrap();
        assert!(in_json.len() <= metadata.max_json_len());
        assert!(metadata.max_json_len() <= Metadata::MAX_JSON_LEN);
    }
}
