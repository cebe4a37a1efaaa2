//! The caller of a request, before and after authentication.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::SetOnce;

use crate::id::ContactId;
use crate::time::Seconds;

/// The caller: the hash of a token and, once the store has looked it up, the contact it belongs to.
#[derive(Clone)]
pub struct Caller(Arc<Inner>);

struct Inner {
    token_hash: String,
    identity: SetOnce<Identity>,
}

/// The contact that a token belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    pub contact: ContactId,
    /// When the token expires, if it does.
    pub expires_at: Option<Seconds>,
}

impl Caller {
    /// The caller who sends `token`.
    #[must_use]
    pub fn with_token(token: &str) -> Self {
        let token_hash = base16ct::lower::encode_string(&Sha256::digest(token.as_bytes()));
        Self(Arc::new(Inner {
            token_hash,
            identity: SetOnce::new(),
        }))
    }

    /// The SHA-256 hash of the token in hexadecimal. The token itself is never stored.
    #[must_use]
    pub fn token_hash(&self) -> &str {
        &self.0.token_hash
    }

    /// The contact, once the caller is identified.
    #[must_use]
    pub fn contact(&self) -> Option<ContactId> {
        self.identity().map(|identity| identity.contact)
    }

    /// Waits until the caller is identified.
    pub(crate) async fn identified(&self) -> ContactId {
        self.0.identity.wait().await.contact
    }

    pub(crate) fn identity(&self) -> Option<Identity> {
        self.0.identity.get().copied()
    }

    pub(crate) fn identify(&self, identity: Identity) {
        let _ = self.0.identity.set(identity);
    }
}

/// Without the hash of the token.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("contact", &self.contact())
            .finish_non_exhaustive()
    }
}
