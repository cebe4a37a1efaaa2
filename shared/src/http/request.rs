//! A request: its caller, the id in its path, and its parameters.

use std::fmt;
use std::str::FromStr;

use form_urlencoded::Serializer;
use lambda_http::http::header;
use lambda_http::{RequestExt, http};
use serde::de::DeserializeOwned;

use super::etag::{self, IfNoneMatch};
use super::params::{self, Value};
use super::{bearer, form};
use crate::caller::Caller;
use crate::error::{Error, Invalid, Result, Unauthenticated};
use crate::idempotency::IdempotencyKey;
use crate::version::Expected;

/// The most that is read of a body, in bytes: the longest text with every byte escaped.
const MAX_BODY: usize = 256 * 1024;

/// A request on its way to an endpoint.
pub struct Request {
    event: lambda_http::Request,
    caller: Result<Caller, Unauthenticated>,
}

/// The parameters of an endpoint that takes none.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Request {
    pub(super) fn new(event: lambda_http::Request) -> Self {
        Self {
            caller: bearer::caller(event.headers()),
            event,
        }
    }

    /// Who calls.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`].
    pub fn caller(&self) -> Result<&Caller> {
        self.caller.as_ref().map_err(|&why| why.into())
    }

    /// The method of the request.
    #[must_use]
    pub fn method(&self) -> &http::Method {
        self.event.method()
    }

    /// The path of the request; API Gateway's `$default` stage adds nothing to it.
    #[must_use]
    pub fn path(&self) -> &str {
        self.event.raw_http_path()
    }

    /// The id in the path; `None` if the text there is no id of that kind, so that none can exist.
    #[must_use]
    pub fn id<T: FromStr>(&self) -> Option<T> {
        self.id_named("id")
    }

    /// The same for the id of this name.
    #[must_use]
    pub fn id_named<T: FromStr>(&self, name: &str) -> Option<T> {
        self.event.path_parameters_ref()?.first(name)?.parse().ok()
    }

    /// The `Idempotency-Key`, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`].
    pub fn idempotency_key(&self) -> Result<Option<IdempotencyKey>> {
        const NAME: &str = "Idempotency-Key";
        let mut values = self.event.headers().get_all(NAME).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            let param = NAME.to_owned();
            return Err(Invalid::Repeated { param }.into());
        }
        let key = value.to_str().unwrap_or_default().trim().parse();
        let key = key.map_err(|error| Invalid::value(NAME, error));
        Ok(Some(key?))
    }

    /// The versions of a message that the request is meant for: `If-Match`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`].
    pub fn if_match(&self) -> Result<Option<Expected>> {
        Ok(etag::expected(self.event.headers())?)
    }

    /// The answers that the client has: `If-None-Match`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`].
    pub fn if_none_match(&self) -> Result<IfNoneMatch> {
        Ok(IfNoneMatch::of(self.event.headers())?)
    }

    /// The parameters in the query of a request that has no body.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], also if there is a body: whoever forgot `curl -G` is told.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T> {
        if !self.event.body().is_empty() {
            return Err(self.misplaced("in the query string, not in a body"));
        }
        Ok(params::parse(self.query_params()?)?)
    }

    /// The parameters in the body, a form or JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], also if there are parameters in the query.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T> {
        if self
            .event
            .uri()
            .query()
            .is_some_and(|query| !query.is_empty())
        {
            return Err(self.misplaced("in the body, not in the query string"));
        }
        Ok(params::parse(self.body_params()?)?)
    }

    /// For endpoints that take none.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there are parameters.
    pub fn no_params(&self) -> Result<()> {
        if !self.event.body().is_empty() {
            return Err(Invalid::Syntax("this endpoint takes no parameters".to_owned()).into());
        }
        let Nothing {} = params::parse(self.query_params()?)?;
        Ok(())
    }

    /// The same list from another cursor, as a path and a query.
    pub(super) fn with_cursor(&self, param: &str, id: &str) -> String {
        let query = self.event.uri().query().unwrap_or_default();
        let others = form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| name != "starting_after" && name != "ending_before");
        let mut query = Serializer::new(String::new());
        let query = query.extend_pairs(others).append_pair(param, id).finish();
        format!("{}?{query}", self.path())
    }

    fn misplaced(&self, place: &str) -> Error {
        Invalid::Syntax(format!("a {} takes its parameters {place}", self.method())).into()
    }

    fn query_params(&self) -> Result<Value, Invalid> {
        form::parse(self.event.uri().query().unwrap_or_default().as_bytes())
    }

    fn body_params(&self) -> Result<Value> {
        let body: &[u8] = self.event.body();
        if body.len() > MAX_BODY {
            return Err(Invalid::TooLarge { limit: MAX_BODY }.into());
        }
        if body.is_empty() {
            return Ok(Value::Map(Vec::new()));
        }
        let content_type = self.event.headers().get(header::CONTENT_TYPE);
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let media_type = content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match media_type.as_str() {
            "application/x-www-form-urlencoded" if body.starts_with(b"{") => {
                let problem = "this looks like JSON: send it with Content-Type: application/json";
                Err(Invalid::Syntax(problem.to_owned()).into())
            }
            "application/x-www-form-urlencoded" => Ok(form::parse(body)?),
            "application/json" => json(body).map_err(Error::from),
            _ => Err(Invalid::MediaType.into()),
        }
    }
}

/// Without token and body, which are nobody's business.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", self.method())
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

fn json(body: &[u8]) -> Result<Value, Invalid> {
    match serde_json::from_slice(body) {
        Ok(object @ Value::Map(_)) => Ok(object),
        Ok(_) => Err(Invalid::Syntax(
            "a JSON body must be an object, {…}".to_owned(),
        )),
        Err(error) => Err(Invalid::Syntax(format!("the body is not JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_json_or_are_refused(
            input in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..100),
                "[\\[\\]{}\",:0-9a-z ]{0,100}".prop_map(String::into_bytes),
            ]
        ) {
            if let Ok(value) = json(&input) {
                prop_assert!(matches!(value, Value::Map(_)));
            }
        }
    }

    #[test]
    fn hostile_json_is_refused() {
        let deep = "{\"a\":".repeat(100_000);
        assert!(json(deep.as_bytes()).is_err());
        let lists = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(json(lists.as_bytes()).is_err());
    }
}
