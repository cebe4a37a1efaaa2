//! `ETag`, `If-Match` and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1).
//!
//! A tag is `"<version>-<hash of the response>"`. `If-None-Match` compares the whole tag, because the
//! response changes with the profiles in it. `If-Match` compares the version only.

use base16ct::lower;
use lambda_http::http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use crate::error::Invalid;
use crate::version::{Expected, Version};

/// The number of bytes of the hash in a tag.
const HASH_LEN: usize = 8;

/// The tag of a response with this version.
pub fn tag(version: Version, body: &[u8]) -> String {
    let hash = lower::encode_string(&Sha256::digest(body)[..HASH_LEN]);
    format!("\"{}-{hash}\"", version.0)
}

/// The version in a tag without its quotes; none if the tag is not one of ours.
fn version(opaque: &[u8]) -> Option<Version> {
    let (version, hash) = str::from_utf8(opaque).ok()?.split_once('-')?;
    let number: u64 = version.parse().ok()?;
    let is_ours = number.to_string() == version && hash.len() == 2 * HASH_LEN;
    is_ours.then_some(Version(number))
}

/// The responses that a client has: `If-None-Match`.
#[derive(Debug)]
pub enum IfNoneMatch {
    /// Any response.
    Any,
    /// The responses with these tags, without `W/`: `If-None-Match` uses weak comparison.
    Tags(Vec<Vec<u8>>),
}

impl IfNoneMatch {
    /// Parses the header; without one, the client has no response.
    pub(super) fn parse(headers: &HeaderMap) -> Result<Self, Invalid> {
        Ok(match tags_in(headers, "If-None-Match")? {
            None => Self::Tags(Vec::new()),
            Some(TagList::Any) => Self::Any,
            Some(TagList::Tags(tags)) => {
                Self::Tags(tags.into_iter().map(|tag| tag.opaque).collect())
            }
        })
    }

    /// Whether the client has the response with this tag.
    pub(super) fn includes(&self, tag: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(known) => {
                let is_it = |one: &Tag| known.contains(&one.opaque);
                tags(tag.as_bytes()).is_some_and(|tags| tags.iter().any(is_it))
            }
        }
    }
}

/// Parses `If-Match`, if there is one. Weak tags never match.
pub fn expected(headers: &HeaderMap) -> Result<Option<Expected>, Invalid> {
    Ok(tags_in(headers, "If-Match")?.map(|named| match named {
        TagList::Any => Expected::Any,
        TagList::Tags(tags) => {
            let strong = tags.iter().filter(|tag| !tag.is_weak);
            Expected::OneOf(strong.filter_map(|tag| version(&tag.opaque)).collect())
        }
    }))
}

/// The value of a header.
enum TagList {
    Any,
    Tags(Vec<Tag>),
}

struct Tag {
    is_weak: bool,
    /// The text between the quotes.
    opaque: Vec<u8>,
}

fn tags_in(headers: &HeaderMap, name: &str) -> Result<Option<TagList>, Invalid> {
    let values: Vec<_> = headers.get_all(name).iter().collect();
    if values.is_empty() {
        return Ok(None);
    }
    let list = values
        .iter()
        .map(|value| value.as_bytes())
        .collect::<Vec<_>>()
        .join(&b',');
    let named = match list.trim_ascii() {
        b"*" => Some(TagList::Any),
        list => tags(list)
            .filter(|tags| !tags.is_empty())
            .map(TagList::Tags),
    };
    let problem = "must be *, or tags as ETag has them, separated by commas";
    named.ok_or_else(|| Invalid::value(name, problem)).map(Some)
}

/// Parses a list of tags, in which elements may be empty (RFC 9110, section 5.6.1).
fn tags(mut rest: &[u8]) -> Option<Vec<Tag>> {
    let mut tags = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(tags);
        }
        if let Some(after) = rest.strip_prefix(b",") {
            rest = after;
            continue;
        }
        let weak = rest.strip_prefix(b"W/");
        let quoted = weak.unwrap_or(rest).strip_prefix(b"\"")?;
        let end = quoted.iter().position(|&byte| byte == b'"')?;
        let (opaque, after) = (&quoted[..end], &quoted[end + 1..]);
        if opaque.iter().any(|&byte| byte <= b' ' || byte == 0x7f) {
            return None;
        }
        tags.push(Tag {
            is_weak: weak.is_some(),
            opaque: opaque.to_vec(),
        });
        rest = after.trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b",") {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(name: &'static str, values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    fn read(values: &[&[u8]]) -> Result<Option<Expected>, Invalid> {
        expected(&headers("if-match", values))
    }

    const HASH: &str = "0123456789abcdef";

    #[test]
    fn only_our_strong_tags_match_versions() {
        let versions = |values: &[&[u8]]| -> Vec<u64> {
            match read(values).unwrap() {
                Some(Expected::OneOf(versions)) => versions.into_iter().map(|one| one.0).collect(),
                other => panic!("{other:?}"),
            }
        };
        let one = format!("\"1-{HASH}\"");
        let two = format!("\"22-{HASH}\"");
        assert_eq!(versions(&[one.as_bytes(), two.as_bytes()]), [1, 22]);
        assert_eq!(versions(&[format!("{one},{two}").as_bytes()]), [1, 22]);
        let holes = format!(", ,\"a,b\" ,\t{one}\t,, \"\u{fc}\", W/{two},");
        assert_eq!(versions(&[holes.as_bytes()]), [1]);
        for text in [
            "\"1\"",
            "\"01-0123456789abcdef\"",
            "\"+1-0123456789abcdef\"",
            "\"1-0123\"",
            "\"x\"",
            "\"\"",
        ] {
            assert!(versions(&[text.as_bytes()]).is_empty(), "{text}");
        }
        assert_eq!(read(&[b" * "]).unwrap(), Some(Expected::Any));
        assert_eq!(read(&[]).unwrap(), None);
    }

    #[test]
    fn malformed_tag_lists_are_rejected() {
        for text in [
            "",
            ",",
            "1",
            "\"1",
            "\"1\" \"2\"",
            "\"a b\"",
            "w/\"1\"",
            "W/1",
            "*, \"1\"",
        ] {
            assert!(read(&[text.as_bytes()]).is_err(), "{text}");
        }
        assert!(read(&[b"*", b"*"]).is_err());
    }

    proptest! {
        #[test]
        fn any_header_is_parsed_or_rejected(value in prop::collection::vec(32..=255_u8, 0..60)) {
            prop_assume!(!value.contains(&127));
            let _ = read(&[&value]);
            let _ = IfNoneMatch::parse(&headers("if-none-match", &[&value]));
        }

        #[test]
        fn a_tag_matches_its_version_and_its_body_only(number: u64, body: Vec<u8>, other: Vec<u8>) {
            let tag = tag(Version(number), &body);
            let expected = read(&[tag.as_bytes()]).unwrap().unwrap();
            prop_assert!(expected.includes(Version(number)));
            prop_assert!(!expected.includes(Version(number.wrapping_add(1))));
            let known = IfNoneMatch::parse(&headers("if-none-match", &[tag.as_bytes()])).unwrap();
            let includes = |tag: &str| known.includes(&HeaderValue::from_str(tag).unwrap());
            prop_assert!(includes(&tag));
            prop_assert_eq!(includes(&super::tag(Version(number), &other)), body == other);
        }
    }
}
