//! Idempotency keys: a request with one takes effect once, however often it is repeated.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long a key is remembered.
pub const VALID_FOR: Duration = Duration::from_hours(24);

/// A key that the client chooses: 1 to 255 visible ASCII characters.
/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header>
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdempotencyKey(String);

/// The longest key, in characters.
const MAX_LEN: usize = 255;

/// The text is not an idempotency key.
#[derive(Debug, thiserror::Error)]
#[error("must be 1 to {MAX_LEN} visible ASCII characters, bare or as a quoted string")]
pub struct InvalidIdempotencyKey;

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    /// Parses a bare key, or a String of Structured Fields (RFC 9651): in quotes, with `\` before `"` and `\`.
    fn from_str(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let key = match text.strip_prefix('"') {
            None => text.to_owned(),
            Some(quoted) => unquoted(quoted).ok_or(InvalidIdempotencyKey)?,
        };
        if (1..=MAX_LEN).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(key))
        } else {
            Err(InvalidIdempotencyKey)
        }
    }
}

/// Unquotes a text without its first quote.
fn unquoted(quoted: &str) -> Option<String> {
    let mut key = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(key),
            '\\' => key.push(
                characters
                    .next()
                    .filter(|character| "\"\\".contains(*character))?,
            ),
            character => key.push(character),
        }
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bare_and_a_quoted_key_are_equal() {
        for (text, key) in [
            ("abc", Some("abc")),
            ("\"abc\"", Some("abc")),
            ("a\"b", Some("a\"b")),
            (r#""a\"b\\""#, Some(r#"a"b\"#)),
            ("", None),
            ("\"\"", None),
            ("\"abc", None),
            ("\"abc\"d", None),
            (r#""a\b""#, None),
            ("a b", None),
            ("ä", None),
        ] {
            let parsed = text.parse::<IdempotencyKey>().ok();
            assert_eq!(parsed.map(|key| key.to_string()).as_deref(), key, "{text}");
        }
        assert!("a".repeat(255).parse::<IdempotencyKey>().is_ok());
        assert!("a".repeat(256).parse::<IdempotencyKey>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_key_or_rejected(text in ".{0,300}") {
            if let Ok(key) = text.parse::<IdempotencyKey>() {
                prop_assert!((1..=255).contains(&key.to_string().len()));
            }
        }
    }
}
