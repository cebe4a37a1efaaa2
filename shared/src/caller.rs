//! The caller of a request, before and after authentication.

use std::fmt;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use tokio::sync::SetOnce;

use crate::contact::{AvatarUrl, ExternalId, PhoneNumber, Username};
use crate::id::{ContactId, TokenId};
use crate::key::Scopes;
use crate::time::Seconds;

/// The caller: the hash of a token or a server key, or a JSON Web Token, and, once the store has looked it up, what it
/// stands for.
#[derive(Clone)]
pub struct Caller(Arc<Inner>);

struct Inner {
    token_hash: String,
    /// The token itself, if it has the form of a JSON Web Token.
    json_web_token: Option<String>,
    /// What the JSON Web Token says, once it is verified.
    claims: OnceLock<Claims>,
    /// The contact that a server key acts for, as the request names it.
    on_behalf_of: Option<String>,
    identity: SetOnce<Identity>,
}

/// What a verified JSON Web Token says.
pub(crate) struct Claims {
    /// The external id of the contact.
    pub subject: ExternalId,
    pub expires_at: Seconds,
    /// What a contact may be created with.
    pub username: Option<Username>,
    pub phone_number: Option<PhoneNumber>,
    pub avatar_url: Option<AvatarUrl>,
}

/// What a token or a server key stands for.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    pub principal: Principal,
    /// The id of the token or the server key; none for a JSON Web Token.
    pub token: Option<TokenId>,
    /// The token that issued it; none if an operator did.
    pub issued_with: Option<TokenId>,
    /// When it expires, if it does.
    pub expires_at: Option<Seconds>,
}

/// Who makes a request.
#[derive(Clone, Copy)]
pub(crate) enum Principal {
    /// A contact, with a token.
    Contact(ContactId),
    /// The operator's server, with a server key.
    Server {
        key: TokenId,
        scopes: Scopes,
        on_behalf_of: Option<ContactId>,
    },
}

/// Whose budget requests consume.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Payer {
    Contact(ContactId),
    Key(TokenId),
}

impl Identity {
    /// The contact that the request acts for; none if a server key acts for itself.
    pub fn contact(&self) -> Option<ContactId> {
        match self.principal {
            Principal::Contact(contact) => Some(contact),
            Principal::Server { on_behalf_of, .. } => on_behalf_of,
        }
    }

    /// The server key, if it is one.
    pub fn key(&self) -> Option<TokenId> {
        match self.principal {
            Principal::Contact(_) => None,
            Principal::Server { key, .. } => Some(key),
        }
    }

    /// Whose budget it consumes: of a server key its own, also on behalf of a contact.
    pub fn payer(&self) -> Payer {
        match self.principal {
            Principal::Contact(contact) => Payer::Contact(contact),
            Principal::Server { key, .. } => Payer::Key(key),
        }
    }
}

impl Caller {
    /// The caller who sends `token`.
    #[must_use]
    pub fn with_token(token: &str) -> Self {
        let token_hash = base16ct::lower::encode_string(&Sha256::digest(token.as_bytes()));
        let has_three_parts = token.split('.').count() == 3;
        let json_web_token = has_three_parts.then(|| token.to_owned());
        Self::new(token_hash, json_web_token, None)
    }

    /// The caller who sends the same server key on behalf of a contact.
    #[must_use]
    pub fn on_behalf_of(self, contact: &str) -> Self {
        Self::new(
            self.token_hash().to_owned(),
            self.0.json_web_token.clone(),
            Some(contact.to_owned()),
        )
    }

    fn new(
        token_hash: String,
        json_web_token: Option<String>,
        on_behalf_of: Option<String>,
    ) -> Self {
        Self(Arc::new(Inner {
            token_hash,
            json_web_token,
            claims: OnceLock::new(),
            on_behalf_of,
            identity: SetOnce::new(),
        }))
    }

    /// The contact that the caller is to act for, as the request names it, until the caller is identified.
    pub(crate) fn unresolved_contact(&self) -> Option<&str> {
        let contact = self.0.on_behalf_of.as_deref();
        contact.filter(|_| self.identity().is_none())
    }

    /// The SHA-256 hash of the token in hexadecimal. The token itself is never stored.
    #[must_use]
    pub fn token_hash(&self) -> &str {
        &self.0.token_hash
    }

    /// The token itself, if it has the form of a JSON Web Token: three parts with dots between them, which no token of
    /// this API has.
    pub(crate) fn json_web_token(&self) -> Option<&str> {
        self.0.json_web_token.as_deref()
    }

    /// What the caller's JSON Web Token says, once it is verified.
    pub(crate) fn claims(&self) -> Option<&Claims> {
        self.0.claims.get()
    }

    /// Records what the caller's JSON Web Token says. It must be verified.
    pub(crate) fn verified(&self, claims: Claims) -> &Claims {
        self.0.claims.get_or_init(|| claims)
    }

    /// The contact, once the caller is identified; none for a server key that acts for itself.
    #[must_use]
    pub fn contact(&self) -> Option<ContactId> {
        self.identity()?.contact()
    }

    /// Whether the caller is a server key, once it is identified.
    pub(crate) fn is_server(&self) -> bool {
        self.key().is_some()
    }

    /// The server key, once the caller is identified as one.
    pub(crate) fn key(&self) -> Option<TokenId> {
        self.identity()?.key()
    }

    /// Waits until the caller is identified.
    pub(crate) async fn identified(&self) -> Identity {
        *self.0.identity.wait().await
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
