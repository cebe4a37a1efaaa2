//! The keys of the identity provider. Each instance fetches them for the first token, and keeps them for an hour.
//!
//! The document of [discovery](https://openid.net/specs/openid-connect-discovery-1_0.html) says where they are. They are fetched again when they are old, or when a
//! token has a key that is not among them, because the identity provider may have a new one; then at most once a minute,
//! because anyone can make up keys. While the identity provider is unavailable, the keys that are known go on being used.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::jwk::{Key, parse_keys};
use super::{invalid, is_secure};
use crate::error::{Cause, Error, Result, TokenProblem, chain};
use crate::store::dynamodb::connection::fetch;
use crate::time::Micros;

/// How old keys may be, unless the identity provider is unavailable.
const MAX_AGE: Duration = Duration::from_hours(1);

/// How long to wait before fetching them again.
const PAUSE: Duration = Duration::from_mins(1);

/// The same as long as there are none. It is what `Retry-After` says.
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(1);

/// How long one of the two documents may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);

/// The largest document, in bytes.
const MAX_DOCUMENT: usize = 256 * 1024;

#[derive(Debug)]
pub struct Keys {
    issuer: String,
    /// Locked while they are fetched: requests that need them wait.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The address of the keys.
    jwks_uri: Option<String>,
    /// Empty before the first fetch.
    keys: Vec<Arc<Key>>,
    fetched_at: Option<Micros>,
    tried_at: Option<Micros>,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Keys {
    /// No keys of this issuer yet.
    pub fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            state: Mutex::default(),
        }
    }

    /// The key with this id; without an id the only key.
    ///
    /// # Errors
    ///
    /// There is none, or it is for another algorithm; [`Error::Unavailable`] if no keys can be fetched.
    pub async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Micros,
    ) -> Result<Arc<Key>> {
        let mut state = self.state.lock().await;
        if state.is_fetch_due(id, now) {
            state.tried_at = Some(now);
            match self.fetch(&mut state).await {
                Ok(()) => state.fetched_at = Some(now),
                Err(cause) if state.keys.is_empty() => return Err(Error::Unavailable(cause)),
                Err(cause) => {
                    let error = chain(&*cause);
                    tracing::warn!(error, "using old keys of the identity provider");
                }
            }
        }
        if state.keys.is_empty() {
            let cause = "the keys of the identity provider could not be fetched a moment ago";
            return Err(Error::Unavailable(cause.into()));
        }
        let mut found = state.with_id(id).peekable();
        if found.peek().is_none() {
            return Err(invalid(TokenProblem::KeyUnknown));
        }
        let mut found = found.filter(|key| key.algorithm == algorithm);
        let key = found.next().map(Arc::clone);
        key.ok_or_else(|| invalid(TokenProblem::Algorithm))
    }

    async fn fetch(&self, state: &mut State) -> Result<(), Cause> {
        let url = match state.jwks_uri.take() {
            Some(url) => url,
            None => self.discover().await?,
        };
        let keys = get(&url).await?;
        let keys = parse_keys(&keys).map_err(|error| format!("{url}: {error}"))?;
        tracing::info!(
            keys = keys.len(),
            "fetched the keys of the identity provider"
        );
        state.keys = keys.into_iter().map(Arc::new).collect();
        // If this fails, the next fetch asks again where they are.
        state.jwks_uri = Some(url);
        Ok(())
    }

    /// The address of the keys.
    async fn discover(&self) -> Result<String, Cause> {
        let issuer = &self.issuer;
        let base = issuer.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let document = get(&url).await?;
        let document: Discovery =
            serde_json::from_slice(&document).map_err(|error| format!("{url}: {error}"))?;
        if document.issuer != *issuer {
            let other = document.issuer;
            return Err(format!("{url}: the issuer is {other:?}, not {issuer:?}").into());
        }
        if !is_secure(&document.jwks_uri) {
            let uri = document.jwks_uri;
            return Err(format!("{url}: jwks_uri is not an https URL: {uri:?}").into());
        }
        Ok(document.jwks_uri)
    }
}

impl State {
    fn is_fetch_due(&self, id: Option<&str>, now: Micros) -> bool {
        let pause = if self.keys.is_empty() {
            PAUSE_WITHOUT_KEYS
        } else {
            PAUSE
        };
        let is_older = |moment: Option<Micros>, age| moment.is_none_or(|at| at.after(age) <= now);
        let is_needed = is_older(self.fetched_at, MAX_AGE) || self.with_id(id).next().is_none();
        is_needed && is_older(self.tried_at, pause)
    }

    /// The keys with this id, usually one; without an id the only key.
    fn with_id(&self, id: Option<&str>) -> impl Iterator<Item = &Arc<Key>> {
        let is_only = self.keys.len() == 1;
        self.keys.iter().filter(move |key| match id {
            Some(id) => key.id.as_deref() == Some(id),
            None => is_only,
        })
    }
}

/// Gets a document of the identity provider. The error names its URL.
async fn get(url: &str) -> Result<Bytes, Cause> {
    let document = timeout(FETCH_TIMEOUT, fetch(url, MAX_DOCUMENT)).await;
    let problem = match document {
        Ok(Ok(document)) => return Ok(document),
        Ok(Err(error)) => chain(&*error),
        Err(timeout) => chain(&timeout),
    };
    Err(format!("the identity provider: {url}: {problem}").into())
}
