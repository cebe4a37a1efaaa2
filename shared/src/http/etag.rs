//! `ETag`, `If-Match` and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1): a message's version in quotes.

use lambda_http::http::HeaderMap;

use crate::error::Invalid;
use crate::version::{Expected, Version};

/// The tag of a version.
pub fn tag(version: Version) -> String {
    format!("\"{}\"", version.0)
}

/// The versions that a header names; none if there is no such header.
///
/// A weak tag, `W/"1"`, counts only if `weakly`: `If-Match` compares strongly, `If-None-Match` does not.
pub fn expected(
    headers: &HeaderMap,
    name: &str,
    weakly: bool,
) -> Result<Option<Expected>, Invalid> {
    let mut values = headers.get_all(name).iter().peekable();
    if values.peek().is_none() {
        return Ok(None);
    }
    let malformed = || {
        let problem = "must be *, or tags as ETag has them: \"1\", \"2\"";
        Invalid::value(name, problem)
    };
    let mut versions = Vec::new();
    for value in values {
        let value = value.to_str().map_err(|_| malformed())?.trim();
        if value == "*" {
            return Ok(Some(Expected::Any));
        }
        for tag in value.split(',').map(str::trim) {
            let (tag, is_weak) = match tag.strip_prefix("W/") {
                Some(tag) => (tag, true),
                None => (tag, false),
            };
            let opaque = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let opaque = opaque
                .filter(|opaque| !opaque.contains('"'))
                .ok_or_else(malformed)?;
            // A tag that is none of ours matches nothing, and is no error.
            if let Ok(version) = opaque.parse()
                && (weakly || !is_weak)
                && tag == self::tag(Version(version))
            {
                versions.push(Version(version));
            }
        }
    }
    Ok(Some(Expected::OneOf(versions)))
}

#[cfg(test)]
mod tests {
    use lambda_http::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(value: &[u8], weakly: bool) -> Result<Option<Expected>, Invalid> {
        let mut headers = HeaderMap::new();
        headers.insert("if-match", HeaderValue::from_bytes(value).unwrap());
        expected(&headers, "If-Match", weakly)
    }

    #[test]
    fn only_tags_that_are_ours_count() {
        let versions = |text: &str, weakly| -> Vec<u64> {
            match read(text.as_bytes(), weakly).unwrap() {
                Some(Expected::OneOf(versions)) => versions.into_iter().map(|one| one.0).collect(),
                other => panic!("{other:?}"),
            }
        };
        let none: Vec<u64> = Vec::new();
        assert_eq!(versions("\"1\", \"22\"", false), [1, 22]);
        assert_eq!(versions("W/\"1\"", true), [1]);
        for text in ["W/\"1\"", "\"01\"", "\"+1\"", "\"x\"", "\"\""] {
            assert_eq!(versions(text, false), none, "{text}");
        }
        assert_eq!(read(b"*", false).unwrap(), Some(Expected::Any));
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(value in prop::collection::vec(32..=255_u8, 0..60), weakly: bool) {
            prop_assume!(!value.contains(&127));
            let _ = read(&value, weakly);
        }

        #[test]
        fn a_tag_names_its_version(version: u64) {
            let expected = read(tag(Version(version)).as_bytes(), false).unwrap().unwrap();
            prop_assert!(expected.includes(Version(version)));
            prop_assert!(!expected.includes(Version(version.wrapping_add(1))));
        }
    }
}
