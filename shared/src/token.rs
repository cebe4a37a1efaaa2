//! A bearer token: what can be told of it without giving it away.

use serde::{Deserialize, Serialize};

use crate::id::TokenId;
use crate::time::Seconds;

/// The longest label, in characters.
const MAX_LABEL: usize = 100;

/// A token, without the secret itself.
#[derive(Clone, Debug, Serialize)]
pub struct Token {
    /// Names the token and does not let anybody in.
    pub id: TokenId,
    /// What it is for.
    pub label: String,
    /// When it was issued.
    pub created_at: Seconds,
    /// When it ends, if it does.
    pub expires_at: Option<Seconds>,
}

/// A token that has just been issued.
#[derive(Debug, Serialize)]
pub struct NewToken {
    /// What can be told of it again later.
    #[serde(flatten)]
    pub token: Token,
    /// The secret to call with: told this once, as only its hash is kept.
    #[serde(rename = "token")]
    pub secret: String,
}

/// A new secret: 256 random bits, in characters that RFC 6750 allows.
///
/// # Panics
///
/// If the operating system has no random bytes.
#[must_use]
pub fn secret() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    format!("citypay_{}", base16ct::lower::encode_string(&bytes))
}

/// What a token is for: up to 100 characters, none of them control characters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Label(String);

/// Why a text is not a label.
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

/// How long a token is good: 1 second to 10 years.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u64")]
pub struct Lifetime(u64);

impl Lifetime {
    /// Ten years of 365 days.
    const MAX: u64 = 10 * 365 * 24 * 60 * 60;

    /// When a token ends that is issued now.
    #[must_use]
    pub fn from(self, now: Seconds) -> Seconds {
        Seconds(now.0.saturating_add(self.0))
    }
}

/// Why a number is not a lifetime.
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
