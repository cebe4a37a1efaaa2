//! A bearer token, without its secret.

use serde::{Deserialize, Serialize};

use crate::characters::{InvalidLine, parse_line};
use crate::id::TokenId;
use crate::time::Seconds;

/// The most valid tokens of a contact. Those that operators create count, but are not limited.
pub const MAX_TOKENS: usize = 100;

/// The longest label, in characters.
const MAX_LABEL: usize = 100;

/// A token without its secret.
#[derive(Clone, Debug, Serialize)]
pub struct Token {
    /// Its id, which is not secret.
    pub id: TokenId,
    /// Its label.
    pub label: String,
    /// When it was issued.
    pub created_at: Seconds,
    /// When it expires, if it does.
    pub expires_at: Option<Seconds>,
    /// The token that it was created with; none if an operator created it.
    pub issued_with: Option<TokenId>,
    /// When it was last used, accurate to an hour; none before the first request.
    pub last_used_at: Option<Seconds>,
}

/// A token that has just been created.
#[derive(Debug, Serialize)]
pub struct NewToken {
    /// The token.
    #[serde(flatten)]
    pub token: Token,
    /// The secret. It is returned only once, because only its hash is stored.
    #[serde(rename = "token")]
    pub secret: String,
}

/// What the secret of a token begins with, so that tools that search for leaked secrets find it.
pub const TOKEN_PREFIX: &str = "citypay_";

/// What the secret of a server key begins with.
pub const KEY_PREFIX: &str = "citypay_sk_";

/// Generates a secret: the prefix and 256 random bits, in characters that RFC 6750 allows.
///
/// # Panics
///
/// If the operating system has no random bytes.
#[must_use]
pub fn generate_secret(prefix: &str) -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    format!("{prefix}{}", base16ct::lower::encode_string(&bytes))
}

/// The label of a token: empty, or up to 100 characters in one line, in Unicode NFC and not all invisible.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Label(String);

impl TryFrom<String> for Label {
    type Error = InvalidLine;

    fn try_from(text: String) -> Result<Self, InvalidLine> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        parse_line(&text, MAX_LABEL).map(Self)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0
    }
}

/// How long a token is valid: 1 second to 10 years.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u64")]
pub struct Lifetime(u64);

impl Lifetime {
    /// Ten years of 365 days.
    const MAX: u64 = 10 * 365 * 24 * 60 * 60;

    /// When a token expires that is created now.
    #[must_use]
    pub fn from(self, now: Seconds) -> Seconds {
        Seconds(now.0.saturating_add(self.0))
    }
}

/// The number is not a lifetime.
#[derive(Debug, thiserror::Error)]
#[error("must be 1 to {max} seconds", max = Lifetime::MAX)]
pub struct InvalidLifetime;

impl TryFrom<u64> for Lifetime {
    type Error = InvalidLifetime;

    fn try_from(seconds: u64) -> Result<Self, InvalidLifetime> {
        if (1..=Self::MAX).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(InvalidLifetime)
        }
    }
}
