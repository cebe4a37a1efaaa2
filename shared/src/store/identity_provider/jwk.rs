//! JSON Web Keys (RFC 7517): which keys of the identity provider are used, and with which algorithm.

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use crate::error::Cause;

/// A key that verifies signatures, with one algorithm.
#[derive(Debug)]
pub struct Key {
    pub id: Option<String>,
    pub algorithm: Algorithm,
    pub public: DecodingKey,
}

/// A set of keys. Those that are not understood are skipped.
#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys in a set that verify signatures.
///
/// # Errors
///
/// It is not a set of keys, or has no such key.
pub fn parse_keys(json: &[u8]) -> Result<Vec<Key>, Cause> {
    let JwkSet { keys } = serde_json::from_slice(json)?;
    let keys = keys.into_iter();
    let keys = keys.filter_map(|key| serde_json::from_value::<Jwk>(key).ok()?.into_key());
    let keys: Vec<_> = keys.collect();
    if keys.is_empty() {
        return Err("no key for signatures with RS256, PS256, ES256 or EdDSA".into());
    }
    Ok(keys)
}

impl Jwk {
    /// The key, if it verifies signatures. Only the algorithm that it says is used; without one, RS256 for an RSA key.
    fn into_key(self) -> Option<Key> {
        let is_for_signatures = self.r#use.as_deref().is_none_or(|usage| usage == "sig");
        let operations = self.key_ops.as_deref();
        let verifies = operations.is_none_or(|all| all.iter().any(|one| one == "verify"));
        if !is_for_signatures || !verifies {
            return None;
        }
        let algorithm = match (&*self.kty, self.crv.as_deref(), self.alg.as_deref()) {
            ("RSA", _, None | Some("RS256")) => Algorithm::RS256,
            ("RSA", _, Some("PS256")) => Algorithm::PS256,
            ("EC", Some("P-256"), None | Some("ES256")) => Algorithm::ES256,
            ("OKP", Some("Ed25519"), None | Some("EdDSA" | "Ed25519")) => Algorithm::EdDSA,
            _ => return None,
        };
        let public = match algorithm {
            Algorithm::ES256 => DecodingKey::from_ec_components(&self.x?, &self.y?),
            Algorithm::EdDSA => DecodingKey::from_ed_components(&self.x?),
            _ => DecodingKey::from_rsa_components(&self.n?, &self.e?),
        };
        Some(Key {
            id: self.kid,
            algorithm,
            public: public.ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn algorithm(key: &Value) -> Option<Algorithm> {
        let set = json!({ "keys": [key] }).to_string();
        let keys = parse_keys(set.as_bytes()).ok()?;
        Some(keys[0].algorithm)
    }

    #[test]
    fn a_key_has_one_algorithm() {
        let rsa = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
        let ec = json!({"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"});
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "AQAB"});
        let secret = json!({"kty": "oct", "k": "AQAB"});
        let with = |key: &Value, name: &str, value: Value| {
            let mut key = key.clone();
            key[name] = value;
            key
        };
        for (key, expected) in [
            (rsa.clone(), Some(Algorithm::RS256)),
            (with(&rsa, "alg", json!("RS256")), Some(Algorithm::RS256)),
            (with(&rsa, "alg", json!("PS256")), Some(Algorithm::PS256)),
            (with(&rsa, "alg", json!("RS512")), None),
            (with(&rsa, "alg", json!("HS256")), None),
            (with(&rsa, "use", json!("sig")), Some(Algorithm::RS256)),
            (with(&rsa, "use", json!("enc")), None),
            (
                with(&rsa, "key_ops", json!(["verify"])),
                Some(Algorithm::RS256),
            ),
            (with(&rsa, "key_ops", json!(["encrypt"])), None),
            (ec.clone(), Some(Algorithm::ES256)),
            (with(&ec, "crv", json!("P-384")), None),
            (with(&ec, "alg", json!("RS256")), None),
            (ed.clone(), Some(Algorithm::EdDSA)),
            (with(&ed, "alg", json!("Ed25519")), Some(Algorithm::EdDSA)),
            (with(&ed, "crv", json!("X25519")), None),
            (with(&ed, "x", json!("not base64!")), None),
            (secret, None),
            (json!("not a key"), None),
        ] {
            assert_eq!(algorithm(&key), expected, "{key}");
        }
    }
}
