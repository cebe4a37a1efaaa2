//! The operator's identity provider, whose JSON Web Tokens (RFC 7519) this API takes as bearer tokens: `JwtIssuer` in
//! `template.yaml`.
//!
//! - `keys`: its keys, which an instance fetches and keeps.
//! - `jwk`: which of them are used, and with which algorithm.
//! - `verifier`: the signatures, by `ring`.
//!
//! What is in the header of a token only chooses one of those keys. A key in it, or the address of one (`jwk`, `jku`,
//! `x5c`, `x5u`), is never used.

mod jwk;
mod keys;
mod verifier;

use std::sync::Arc;

use hyper::Uri;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Number, Value};

use keys::Keys;

use super::Store;
use super::vars::flag;
use crate::caller::{Caller, Claims};
use crate::contact::ExternalId;
use crate::error::{Cause, Error, Result, TokenProblem, Unauthenticated};
use crate::time::{Micros, Seconds};

/// The largest token, in bytes. API Gateway takes headers of 10 KB.
const MAX_TOKEN: usize = 8 * 1024;

/// The signatures that are verified: with public keys only.
const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::EdDSA,
];

/// How far the clock of the identity provider may be off, in seconds.
const LEEWAY: u64 = 60;

/// The operator's identity provider. Clones share its keys.
#[derive(Clone, Debug)]
pub struct IdentityProvider {
    issuer: Arc<str>,
    audience: Arc<str>,
    creates_contacts: bool,
    keys: Arc<Keys>,
}

/// The claims of a token. Of those for a new contact, whatever is not valid is left out.
#[derive(Deserialize)]
struct TokenClaims {
    sub: String,
    exp: Number,
    #[serde(default)]
    preferred_username: Value,
    #[serde(default)]
    phone_number: Value,
    #[serde(default)]
    picture: Value,
}

impl IdentityProvider {
    /// Reads `JWT_ISSUER`, `JWT_AUDIENCE` and `JWT_CREATES_CONTACTS`. `None` without an issuer.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or invalid.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Cause> {
        let set = |name: &str| var(name).filter(|value| !value.is_empty());
        let Some(issuer) = set("JWT_ISSUER") else {
            return Ok(None);
        };
        if !is_secure(&issuer) {
            return Err(format!("JWT_ISSUER is not an https URL: {issuer}").into());
        }
        let audience = set("JWT_AUDIENCE").ok_or("JWT_ISSUER needs JWT_AUDIENCE")?;
        let creates_contacts = flag(&var, "JWT_CREATES_CONTACTS")?;
        verifier::install();
        Ok(Some(Self {
            keys: Arc::new(Keys::new(&issuer)),
            issuer: issuer.into(),
            audience: audience.into(),
            creates_contacts,
        }))
    }

    /// The same without the keys that this instance has fetched.
    fn as_new_instance(&self) -> Self {
        Self {
            keys: Arc::new(Keys::new(&self.issuer)),
            ..self.clone()
        }
    }

    /// Verifies a token. No round trip, or one or two to the identity provider if its keys are not known yet, or too old.
    ///
    /// # Errors
    ///
    /// [`Unauthenticated::JsonWebTokenInvalid`]; [`Error::Unavailable`] if the keys are not known and cannot be fetched.
    async fn verify(&self, token: &str, now: Micros) -> Result<Claims> {
        if token.len() > MAX_TOKEN {
            return Err(invalid(TokenProblem::TooLarge));
        }
        let header = decode_header(token).map_err(|_| invalid(TokenProblem::Malformed))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(invalid(TokenProblem::Algorithm));
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg, now);
        let key = key.await?;
        let mut validation = Validation::new(key.algorithm);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY;
        let verified = decode::<TokenClaims>(token, &key.public, &validation);
        let claims = verified
            .map_err(|error| invalid(problem(error.kind())))?
            .claims;
        claims.try_into().map_err(invalid)
    }
}

impl TryFrom<TokenClaims> for Claims {
    type Error = TokenProblem;

    fn try_from(claims: TokenClaims) -> Result<Self, TokenProblem> {
        let expires_at = claims.exp.as_u64().or_else(|| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the claim has been validated as a time; a token does not expire later than it says"
            )]
            claims.exp.as_f64().map(|seconds| seconds.floor() as u64)
        });
        Ok(Self {
            subject: ExternalId::try_from(claims.sub).map_err(|_| TokenProblem::Claims)?,
            expires_at: expires_at.map(Seconds).ok_or(TokenProblem::Claims)?,
            username: optional(&claims.preferred_username),
            phone_number: optional(&claims.phone_number),
            avatar_url: optional(&claims.picture),
        })
    }
}

/// A claim, if it is valid.
fn optional<T: TryFrom<String>>(claim: &Value) -> Option<T> {
    claim.as_str()?.to_owned().try_into().ok()
}

fn problem(error: &ErrorKind) -> TokenProblem {
    match error {
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => TokenProblem::Algorithm,
        ErrorKind::InvalidSignature => TokenProblem::Signature,
        ErrorKind::ExpiredSignature => TokenProblem::Expired,
        ErrorKind::ImmatureSignature => TokenProblem::NotYetValid,
        ErrorKind::InvalidIssuer => TokenProblem::Issuer,
        ErrorKind::InvalidAudience => TokenProblem::Audience,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
            TokenProblem::Claims
        }
        _ => TokenProblem::Malformed,
    }
}

/// The error for a token that is not valid.
pub(super) fn invalid(problem: TokenProblem) -> Error {
    Unauthenticated::JsonWebTokenInvalid(problem).into()
}

/// Whether nobody between this process and the server of the URL can change what it responds.
fn is_secure(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else {
        return false;
    };
    match (url.scheme_str(), url.host()) {
        (Some("https"), Some(host)) => !host.is_empty(),
        (Some("http"), Some(host)) => ["localhost", "127.0.0.1", "[::1]"].contains(&host),
        _ => false,
    }
}

impl Store {
    /// The same store with an identity provider, or without.
    #[must_use]
    pub fn with_identity_provider(self, provider: Option<IdentityProvider>) -> Self {
        Self {
            identity_provider: provider,
            ..self
        }
    }

    /// The identity provider as another instance sees it.
    pub(super) fn new_identity_provider(&self) -> Option<IdentityProvider> {
        let provider = self.identity_provider.as_ref();
        provider.map(IdentityProvider::as_new_instance)
    }

    /// What the caller's token says, if it is a JSON Web Token and there is an identity provider. Verifies it unless
    /// this request has done so.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::Unavailable`] if the keys of the identity provider are not known and cannot
    /// be fetched.
    pub(super) async fn verified_claims<'a>(
        &self,
        caller: &'a Caller,
    ) -> Result<Option<&'a Claims>> {
        if let Some(claims) = caller.claims() {
            return Ok(Some(claims));
        }
        let (Some(provider), Some(token)) = (&self.identity_provider, caller.json_web_token())
        else {
            return Ok(None);
        };
        // Boxed, because everything that authenticates contains this future, and few requests need it.
        match Box::pin(provider.verify(token, self.clock.now())).await {
            Ok(claims) => Ok(Some(caller.verified(claims))),
            Err(error) => {
                self.access_cache.remove_token(caller);
                Err(error)
            }
        }
    }

    /// Whether a contact is created for a token whose subject has none.
    pub(super) fn creates_contacts(&self) -> bool {
        let provider = self.identity_provider.as_ref();
        provider.is_some_and(|provider| provider.creates_contacts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(issuer: &str, audience: &str, creates: &str) -> Result<bool, String> {
        let var = |name: &str| {
            let value = match name {
                "JWT_ISSUER" => issuer,
                "JWT_AUDIENCE" => audience,
                "JWT_CREATES_CONTACTS" => creates,
                _ => return None,
            };
            Some(value.to_owned())
        };
        let provider = IdentityProvider::from_vars(var);
        let provider = provider.map_err(|error| error.to_string())?;
        Ok(provider.is_some())
    }

    #[test]
    fn an_empty_issuer_means_none() {
        assert_eq!(provider("", "", ""), Ok(false));
        assert_eq!(provider("", "chat", "true"), Ok(false));
        assert_eq!(provider("https://example.com/", "chat", ""), Ok(true));
        assert_eq!(provider("http://127.0.0.1:1", "chat", "true"), Ok(true));
    }

    #[test]
    fn an_invalid_variable_is_named() {
        for (issuer, audience, creates, named) in [
            ("http://example.com", "chat", "", "JWT_ISSUER"),
            ("example.com", "chat", "", "JWT_ISSUER"),
            ("https://", "chat", "", "JWT_ISSUER"),
            ("https://example.com", "", "", "JWT_AUDIENCE"),
            ("https://example.com", "chat", "yes", "JWT_CREATES_CONTACTS"),
        ] {
            let error = provider(issuer, audience, creates).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
