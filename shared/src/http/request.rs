//! A request: its caller, the ids in its path, its headers and its parameters.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use form_urlencoded::Serializer;
use lambda_http::http::header;
use lambda_http::{RequestExt, http};
use serde::de::DeserializeOwned;

use super::etag::{self, IfNoneMatch};
use super::event::ORIGIN;
use super::params::{self, Value};
use super::{bearer, form};
use crate::audit::AuditedRequest;
use crate::caller::Caller;
use crate::contact::ContactRef;
use crate::error::{Error, Invalid, Result, Unauthenticated};
use crate::id::{AttachmentId, ContactId, ConversationId, MessageId, ReportId, TokenId, WebhookId};
use crate::idempotency::IdempotencyKey;
use crate::version::Expected;

/// The largest body, in bytes: the longest message text with every byte escaped in JSON.
const MAX_BODY: usize = 256 * 1024;

/// A request.
pub struct Request {
    event: lambda_http::Request,
    caller: Result<Caller, Unauthenticated>,
}

/// The parameters of an endpoint without any.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// An id that can be in a path.
pub trait PathId: FromStr {
    /// The error for an id that does not exist.
    const NOT_FOUND: Error;
}

impl PathId for MessageId {
    const NOT_FOUND: Error = Error::MessageNotFound;
}

impl PathId for AttachmentId {
    const NOT_FOUND: Error = Error::AttachmentNotFound { id: None };
}

impl PathId for ConversationId {
    const NOT_FOUND: Error = Error::ConversationNotFound;
}

impl PathId for ContactId {
    const NOT_FOUND: Error = Error::ContactNotFound;
}

impl PathId for ReportId {
    const NOT_FOUND: Error = Error::ReportNotFound;
}

impl PathId for WebhookId {
    const NOT_FOUND: Error = Error::WebhookNotFound;
}

impl PathId for ContactRef {
    const NOT_FOUND: Error = Error::ContactNotFound;
}

impl PathId for TokenId {
    const NOT_FOUND: Error = Error::TokenNotFound;
}

impl Request {
    pub(super) fn new(event: lambda_http::Request) -> Self {
        Self {
            caller: bearer::caller(event.headers()),
            event,
        }
    }

    /// The caller that the `Authorization` header names, not authenticated yet.
    pub fn caller(&self) -> Result<&Caller> {
        self.caller.as_ref().map_err(|&why| why.into())
    }

    /// The method of the request.
    #[must_use]
    pub fn method(&self) -> &http::Method {
        self.event.method()
    }

    /// The path of the request. API Gateway's `$default` stage adds no prefix to it.
    #[must_use]
    pub fn path(&self) -> &str {
        self.event.raw_http_path()
    }

    /// The request as the audit trail has it. An external id in the path is left out: it may be an email address.
    pub(super) fn audited(&self, operation: &'static str, request_id: &str) -> AuditedRequest {
        let target = self
            .event
            .path_parameters_ref()
            .and_then(|params| params.first("id"))
            .filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        AuditedRequest {
            operation,
            request_id: request_id.to_owned(),
            target: target.map(|id| id.to_owned().into()).unwrap_or_default(),
            participant: self.path_param("contact_id"),
            is_change: self.method() != http::Method::GET,
        }
    }

    /// The scheme and the host that the client used, `https://example.com`; empty without a valid one.
    pub(super) fn origin(&self) -> Arc<str> {
        let origin = self.event.headers().get(ORIGIN);
        let origin = origin.and_then(|origin| origin.to_str().ok());
        origin.unwrap_or_default().into()
    }

    /// The id in the path. A malformed id cannot exist, so it gets the same error as an unknown one.
    pub fn path_id<T: PathId>(&self) -> Result<T> {
        self.path_param("id").ok_or(T::NOT_FOUND)
    }

    /// A parameter in the path; `None` if it is malformed.
    #[must_use]
    pub fn path_param<T: FromStr>(&self, name: &str) -> Option<T> {
        self.event.path_parameters_ref()?.first(name)?.parse().ok()
    }

    /// The `param` of [`Error::ConversationNotFound`]: `id` if the path has one, otherwise `conversation_id`.
    /// An endpoint whose path id is not a conversation must not return that error.
    pub(super) fn conversation_param(&self) -> &'static str {
        let has_path_id = self
            .event
            .path_parameters_ref()
            .is_some_and(|params| params.first("id").is_some());
        if has_path_id { "id" } else { "conversation_id" }
    }

    /// The `Idempotency-Key`, if there is one.
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

    /// The versions of a message that the request applies to: `If-Match`.
    pub fn if_match(&self) -> Result<Option<Expected>> {
        Ok(etag::expected(self.event.headers())?)
    }

    /// The responses that the client has: `If-None-Match`.
    pub fn if_none_match(&self) -> Result<IfNoneMatch> {
        Ok(IfNoneMatch::parse(self.event.headers())?)
    }

    /// The parameters in the query string.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], also if there is a body, as when `curl` is called without `-G`.
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
    /// [`Error::Invalid`], also if there is a query string.
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

    /// Fails if there are parameters, for endpoints that take none.
    pub fn no_params(&self) -> Result<()> {
        if !self.event.body().is_empty() {
            return Err(Invalid::Syntax("this endpoint takes no parameters".to_owned()).into());
        }
        let Nothing {} = params::parse(self.query_params()?)?;
        Ok(())
    }

    /// The URL of the same list with another cursor, without the host.
    pub(super) fn with_cursor(&self, param: &str, id: &str) -> String {
        let others = self.query_pairs();
        let others = others.filter(|(name, _)| name != "starting_after" && name != "ending_before");
        let mut query = Serializer::new(String::new());
        let query = query.extend_pairs(others).append_pair(param, id).finish();
        format!("{}?{query}", self.path())
    }

    /// Path and query of this request.
    pub(super) fn path_and_query(&self) -> String {
        let mut query = Serializer::new(String::new());
        let query = query.extend_pairs(self.query_pairs()).finish();
        format!("{}?{query}", self.path())
    }

    fn query_pairs(&self) -> form_urlencoded::Parse<'_> {
        let query = self.event.uri().query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes())
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

/// Without token and body, which must not be logged.
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
        fn any_bytes_are_a_json_object_or_rejected(
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
    fn deeply_nested_json_is_rejected() {
        let deep = "{\"a\":".repeat(100_000);
        assert!(json(deep.as_bytes()).is_err());
        let lists = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(json(lists.as_bytes()).is_err());
    }
}
