//! `ETag`, `If-Match` and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1).
//!
//! A tag is `"<version>-<hash of the answer>"`. The hash changes with whatever the answer shows, the
//! people in it too; a change is made to a version, whoever the people are by then.

use base16ct::lower;
use lambda_http::http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use crate::error::Invalid;
use crate::version::{Expected, Version};

/// How many bytes of the hash are in a tag.
const HASH_LEN: usize = 8;

/// The tag of an answer that shows this version.
pub fn tag(version: Version, body: &[u8]) -> String {
    let hash = lower::encode_string(&Sha256::digest(body)[..HASH_LEN]);
    format!("\"{}-{hash}\"", version.0)
}

/// The version of such a tag, given what is between its quotes; one that is none of ours has none.
fn version(opaque: &[u8]) -> Option<Version> {
    let (version, hash) = str::from_utf8(opaque).ok()?.split_once('-')?;
    let number: u64 = version.parse().ok()?;
    let is_ours = number.to_string() == version && hash.len() == 2 * HASH_LEN;
    is_ours.then_some(Version(number))
}

/// The answers that a client has: what `If-None-Match` names.
#[derive(Debug)]
pub enum IfNoneMatch {
    /// Any, as long as there is one.
    Any,
    /// Those with these tags, without `W/`: whether they are weak is nothing to `If-None-Match`.
    Tags(Vec<Vec<u8>>),
}

impl IfNoneMatch {
    /// What the header names; nothing if there is no such header.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Invalid> {
        Ok(match tags_in(headers, "If-None-Match")? {
            None => Self::Tags(Vec::new()),
            Some(Named::Any) => Self::Any,
            Some(Named::Tags(tags)) => Self::Tags(tags.into_iter().map(|tag| tag.opaque).collect()),
        })
    }

    /// Whether the client has the answer with this tag.
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

/// The versions that `If-Match` names; none if there is no such header. A weak tag names none.
pub fn expected(headers: &HeaderMap) -> Result<Option<Expected>, Invalid> {
    Ok(tags_in(headers, "If-Match")?.map(|named| match named {
        Named::Any => Expected::Any,
        Named::Tags(tags) => {
            let strong = tags.iter().filter(|tag| !tag.is_weak);
            Expected::OneOf(strong.filter_map(|tag| version(&tag.opaque)).collect())
        }
    }))
}

/// What a header names.
enum Named {
    Any,
    Tags(Vec<Tag>),
}

struct Tag {
    is_weak: bool,
    /// What is between the quotes.
    opaque: Vec<u8>,
}

fn tags_in(headers: &HeaderMap, name: &str) -> Result<Option<Named>, Invalid> {
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
        b"*" => Some(Named::Any),
        list => tags(list).filter(|tags| !tags.is_empty()).map(Named::Tags),
    };
    let problem = "must be *, or tags as ETag has them, separated by commas";
    named.ok_or_else(|| Invalid::value(name, problem)).map(Some)
}

/// The tags of a list, in which elements may be empty (RFC 9110, section 5.6.1); `None` if it is no such
/// list.
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
        let strong = rest.strip_prefix(b"W/");
        let quoted = strong.unwrap_or(rest).strip_prefix(b"\"")?;
        let end = quoted.iter().position(|&byte| byte == b'"')?;
        let (opaque, after) = (&quoted[..end], &quoted[end + 1..]);
        if opaque.iter().any(|&byte| byte <= b' ' || byte == 0x7f) {
            return None;
        }
        tags.push(Tag {
            is_weak: strong.is_some(),
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
    fn only_strong_tags_of_ours_name_versions() {
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
    fn what_is_no_list_of_tags_is_refused() {
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
        fn any_header_is_read_or_refused(value in prop::collection::vec(32..=255_u8, 0..60)) {
            prop_assume!(!value.contains(&127));
            let _ = read(&[&value]);
            let _ = IfNoneMatch::of(&headers("if-none-match", &[&value]));
        }

        #[test]
        fn a_tag_is_of_its_version_and_its_body(number: u64, body: Vec<u8>, other: Vec<u8>) {
            let tag = tag(Version(number), &body);
            let expected = read(&[tag.as_bytes()]).unwrap().unwrap();
            prop_assert!(expected.includes(Version(number)));
            prop_assert!(!expected.includes(Version(number.wrapping_add(1))));
            let known = IfNoneMatch::of(&headers("if-none-match", &[tag.as_bytes()])).unwrap();
            let includes = |tag: &str| known.includes(&HeaderValue::from_str(tag).unwrap());
            prop_assert!(includes(&tag));
            prop_assert_eq!(includes(&super::tag(Version(number), &other)), body == other);
        }
    }
}
