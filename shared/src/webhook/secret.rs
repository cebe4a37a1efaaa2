//! Secrets, and the signatures that are made with them.

use std::fmt;

use aws_smithy_types::base64;
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::time::Seconds;

/// The random bytes of a secret.
const SECRET_LEN: usize = 24;

/// What a secret begins with.
const SECRET_PREFIX: &str = "whsec_";

/// What deliveries are signed with: `whsec_` and the base64 of 24 random bytes.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret(Vec<u8>);

/// The text is not a secret.
#[derive(Debug, thiserror::Error)]
#[error("must be {SECRET_PREFIX} and base64")]
pub struct InvalidSecret;

impl Secret {
    /// A new secret.
    ///
    /// # Panics
    ///
    /// If the operating system has no random bytes.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = [0; SECRET_LEN];
        getrandom::fill(&mut bytes).expect("the operating system has random bytes");
        Self(bytes.into())
    }

    /// The signature of a delivery, as the header `webhook-signature` has it.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: Seconds, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut signed = hmac::Context::with_key(&key);
        signed.update(format!("{id}.{}.", timestamp.0).as_bytes());
        signed.update(body);
        format!("v1,{}", base64::encode(signed.sign()))
    }
}

impl TryFrom<String> for Secret {
    type Error = InvalidSecret;

    fn try_from(text: String) -> Result<Self, InvalidSecret> {
        let key = text.strip_prefix(SECRET_PREFIX).ok_or(InvalidSecret)?;
        let key = base64::decode(key).map_err(|_| InvalidSecret)?;
        Some(Self(key))
            .filter(|secret| secret.0.len() >= SECRET_LEN)
            .ok_or(InvalidSecret)
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        format!("{SECRET_PREFIX}{}", base64::encode(secret.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the documentation of Svix, who wrote the first library for the specification.
    #[test]
    fn a_delivery_is_signed_as_the_specification_says() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let secret = Secret::try_from(secret).unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", Seconds(1_614_265_330), body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_24_random_bytes() {
        let [a, b] = [(), ()].map(|()| String::from(Secret::generate()));
        assert_ne!(a, b);
        assert_eq!(a.len(), "whsec_".len() + 32);
        assert_eq!(String::from(Secret::try_from(a.clone()).unwrap()), a);
        for damaged in ["", "whsec_", "whsec_x", "whsec_AAAA", &a[6..]] {
            assert!(Secret::try_from(damaged.to_owned()).is_err());
        }
    }
}
