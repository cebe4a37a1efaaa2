//! Who calls, as far as is known yet.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::SetOnce;

use crate::id::ContactId;
use crate::time::Seconds;

/// Who says it calls: the hash of a token, and once the store knows it, the contact behind.
#[derive(Clone)]
pub struct Caller(Arc<Inner>);

struct Inner {
    token_hash: String,
    known: SetOnce<Known>,
}

/// What the store told of a token.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    /// Whom it stands for.
    pub contact: ContactId,
    /// Until when, if it ends.
    pub expires_at: Option<Seconds>,
}

impl Caller {
    /// The caller who holds `token`.
    #[must_use]
    pub fn with_token(token: &str) -> Self {
        let token_hash = base16ct::lower::encode_string(&Sha256::digest(token.as_bytes()));
        Self(Arc::new(Inner {
            token_hash,
            known: SetOnce::new(),
        }))
    }

    /// The SHA-256 of the token in hexadecimal: all of it that is ever stored.
    #[must_use]
    pub fn token_hash(&self) -> &str {
        &self.0.token_hash
    }

    /// The contact behind the token, once the store has told.
    #[must_use]
    pub fn contact(&self) -> Option<ContactId> {
        self.known().map(|known| known.contact)
    }

    /// Waits until the store has told who calls.
    pub(crate) async fn authenticated(&self) -> ContactId {
        self.0.known.wait().await.contact
    }

    pub(crate) fn known(&self) -> Option<Known> {
        self.0.known.get().copied()
    }

    /// Keeps what the store told.
    pub(crate) fn is(&self, known: Known) {
        let _ = self.0.known.set(known);
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("contact", &self.contact())
            .finish_non_exhaustive()
    }
}
