//! Idempotency keys: a request under one is carried out once, however often it is sent.

use std::fmt;
use std::str::FromStr;

/// A key of the caller's choice: 1 to 255 visible ASCII characters.
/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header>
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdempotencyKey(String);

/// The longest key, in characters.
const MAX_LEN: usize = 255;

/// Why a text is not an idempotency key.
#[derive(Debug, thiserror::Error)]
#[error("must be 1 to {MAX_LEN} visible ASCII characters, bare or as a quoted string")]
pub struct InvalidIdempotencyKey;

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    /// Bare, or as a string of structured fields (RFC 9651): in quotes, `\` before `"` and `\`.
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

/// What was quoted, given all behind the first quote.
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
    fn a_key_is_the_same_bare_and_quoted() {
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
        fn any_text_is_a_key_or_is_refused(text in ".{0,300}") {
            if let Ok(key) = text.parse::<IdempotencyKey>() {
                prop_assert!((1..=255).contains(&key.to_string().len()));
            }
        }
    }
}
