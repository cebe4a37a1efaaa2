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
