//! A stand-in for the operator's identity provider: its documents, and tokens that it signs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_stack::stack::listen;
use reqwest::StatusCode;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};
use shared::store::IdentityProvider;

/// Who the tokens are for.
pub const AUDIENCE: &str = "chat";

/// The RSA key, because `ring` makes none.
const RSA_KEY: &[u8] = include_bytes!("issuer/rsa.pk8");

/// An identity provider.
pub struct Issuer {
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    discovery: Mutex<Value>,
    keys: Mutex<Vec<Value>>,
    fetches: AtomicU64,
    is_down: AtomicBool,
}

/// A key pair with an id.
pub struct SigningKey {
    pub id: &'static str,
    algorithm: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl SigningKey {
    /// A new key for ES256.
    pub fn es256(id: &'static str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        let pair = Pair::Ec(pair);
        Self {
            id,
            algorithm: "ES256",
            pair,
        }
    }

    /// A new key for `EdDSA`.
    pub fn eddsa(id: &'static str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Pair::Ed(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap());
        Self {
            id,
            algorithm: "EdDSA",
            pair,
        }
    }

    /// The RSA key, for RS256 or PS256.
    pub fn rsa(id: &'static str, algorithm: &'static str) -> Self {
        let pair = Pair::Rsa(RsaKeyPair::from_pkcs8(RSA_KEY).unwrap());
        Self {
            id,
            algorithm,
            pair,
        }
    }

    /// The public key as the identity provider publishes it.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "n": encode(public.n), "e": encode(public.e)})
            }
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
            Pair::Ed(pair) => {
                let x = encode(pair.public_key());
                json!({"kty": "OKP", "crv": "Ed25519", "x": x})
            }
        };
        jwk["kid"] = json!(self.id);
        jwk["alg"] = json!(self.algorithm);
        jwk["use"] = json!("sig");
        jwk
    }

    /// The header of a token that this key signs.
    pub fn header(&self) -> Value {
        json!({"alg": self.algorithm, "kid": self.id, "typ": "JWT"})
    }

    /// A token with these claims.
    pub fn signs(&self, claims: &Value) -> String {
        self.signs_with(&self.header(), claims)
    }

    /// A token with this header and these claims.
    pub fn signs_with(&self, header: &Value, claims: &Value) -> String {
        let message = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let signature = encode(self.signature(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding: &dyn ring::signature::RsaEncoding = match self.algorithm {
                    "PS256" => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

impl Issuer {
    /// Starts an identity provider with these keys.
    pub async fn start(keys: &[&SigningKey]) -> Self {
        let listener = listen("127.0.0.1", 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(published_keys))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let issuer = Self { url, shared };
        issuer.describes_itself_as(&issuer.url, &format!("{}/keys", issuer.url));
        issuer.publishes(keys);
        issuer
    }

    /// The identity provider as functions are configured with it.
    pub fn provider(&self, creates_contacts: bool) -> IdentityProvider {
        let provider = IdentityProvider::from_vars(|name| match name {
            "JWT_ISSUER" => Some(self.url.clone()),
            "JWT_AUDIENCE" => Some(AUDIENCE.to_owned()),
            "JWT_CREATES_CONTACTS" => Some(creates_contacts.to_string()),
            _ => None,
        });
        provider.unwrap().unwrap()
    }

    /// Valid claims about this subject.
    pub fn claims(&self, subject: &str) -> Value {
        json!({"iss": self.url, "aud": AUDIENCE, "sub": subject, "exp": now() + 600})
    }

    /// Replaces the keys.
    pub fn publishes(&self, keys: &[&SigningKey]) {
        let keys = keys.iter().map(|key| key.jwk()).collect();
        *self.shared.keys.lock().unwrap() = keys;
    }

    /// Replaces what the discovery document says.
    pub fn describes_itself_as(&self, issuer: &str, jwks_uri: &str) {
        let document = json!({"issuer": issuer, "jwks_uri": jwks_uri});
        *self.shared.discovery.lock().unwrap() = document;
    }

    /// Responds with errors from now on, or not any more.
    pub fn is_down(&self, is_down: bool) {
        self.shared.is_down.store(is_down, Ordering::Relaxed);
    }

    /// How often the keys were asked for.
    pub fn fetches(&self) -> u64 {
        self.shared.fetches.load(Ordering::Relaxed)
    }
}

async fn discovery(State(shared): State<Arc<Shared>>) -> Response {
    if shared.is_down.load(Ordering::Relaxed) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    document(&shared.discovery.lock().unwrap())
}

async fn published_keys(State(shared): State<Arc<Shared>>) -> Response {
    shared.fetches.fetch_add(1, Ordering::Relaxed);
    if shared.is_down.load(Ordering::Relaxed) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    document(&json!({ "keys": *shared.keys.lock().unwrap() }))
}

fn document(content: &Value) -> Response {
    let content_type = [("content-type", "application/json")];
    (content_type, content.to_string()).into_response()
}

/// The time in seconds since 1970.
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// base64url without padding, as in tokens.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
