//! Who calls: `Authorization: Bearer <token>` (RFC 6750).

use std::fmt;
use std::sync::{Arc, OnceLock};

use lambda_http::http::{HeaderMap, header};
use sha2::{Digest, Sha256};

use crate::error::Unauthenticated;
use crate::id::ContactId;

/// Who says it calls: the hash of a token, and once the store knows it, the contact behind.
#[derive(Clone)]
pub struct Caller(Arc<Inner>);

struct Inner {
    token_hash: String,
    contact: OnceLock<ContactId>,
}

impl Caller {
    /// The caller who holds `token`.
    #[must_use]
    pub fn with_token(token: &str) -> Self {
        let token_hash = base16ct::lower::encode_string(&Sha256::digest(token.as_bytes()));
        Self(Arc::new(Inner {
            token_hash,
            contact: OnceLock::new(),
        }))
    }

    /// The caller whom the `Authorization` header names.
    ///
    /// # Errors
    ///
    /// Says whether there is no bearer token, or one that no
    /// server could have issued.
    pub(super) fn from_headers(headers: &HeaderMap) -> Result<Self, Unauthenticated> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(if headers.contains_key(header::AUTHORIZATION) {
                Unauthenticated::TokenInvalid
            } else {
                Unauthenticated::TokenMissing
            });
        };
        let value = value
            .to_str()
            .map_err(|_| Unauthenticated::TokenInvalid)?
            .trim();
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Unauthenticated::TokenMissing);
        }
        let token = token.trim_start_matches(' ');
        if is_b64token(token) {
            Ok(Self::with_token(token))
        } else {
            Err(Unauthenticated::TokenInvalid)
        }
    }

    /// The SHA-256 of the token in hexadecimal: all of it that is ever stored.
    #[must_use]
    pub fn token_hash(&self) -> &str {
        &self.0.token_hash
    }

    /// The contact behind the token, once the store has told.
    #[must_use]
    pub fn contact(&self) -> Option<ContactId> {
        self.0.contact.get().copied()
    }

    /// Keeps what the store told.
    pub(crate) fn is(&self, contact: ContactId) {
        let _ = self.0.contact.set(contact);
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("contact", &self.contact())
            .finish_non_exhaustive()
    }
}

/// The syntax of RFC 6750, section 2.1: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_b64token(token: &str) -> bool {
    let characters = token.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !characters.is_empty() && characters.bytes().all(allowed)
}
