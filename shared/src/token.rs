//! A bearer token, without its secret.

use serde::{Deserialize, Serialize};

use crate::id::TokenId;
use crate::time::Seconds;

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

/// Generates a secret: 256 random bits, in characters that RFC 6750 allows.
///
/// # Panics
///
/// If the operating system has no random bytes.
#[must_use]
pub fn generate_secret() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    format!("citypay_{}", base16ct::lower::encode_string(&bytes))
}

/// The label of a token: up to 100 characters, no control characters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Label(String);

/// The text is not a label.
#[derive(Debug, thiserror::Error)]
#[error("must be at most {MAX_LABEL} characters, no control characters")]
pub struct InvalidLabel;

impl TryFrom<String> for Label {
    type Error = InvalidLabel;

    fn try_from(text: String) -> Result<Self, InvalidLabel> {
        if text.chars().nth(MAX_LABEL).is_some() || text.contains(char::is_control) {
            Err(InvalidLabel)
        } else {
            Ok(Self(text))
        }
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
