//! Responses: JSON, and the only place that translates errors into statuses, codes and parameter names.

use std::borrow::Cow;

use lambda_http::http::{HeaderName, HeaderValue, StatusCode, header};
use lambda_http::{Body, http};
use serde::Serialize;

use super::Request;
use super::bearer::ON_BEHALF_OF;
use super::cursor::cursor_param;
use super::etag::{self, IfNoneMatch};
use crate::error::{AuthorOnly, CreatorOnly, Error, Invalid, Unauthenticated, chain};
use crate::page::{Cursor, Direction, Page};
use crate::store::Progress;
use crate::version::Version;

/// A response.
#[derive(Debug)]
pub struct Response(http::Response<Body>);

/// The body of an error response.
#[derive(Serialize)]
struct ErrorBody<'a> {
    r#type: &'static str,
    code: &'static str,
    message: String,
    param: Option<&'a str>,
    request_id: &'a str,
}

impl Response {
    /// 200 with a body.
    #[must_use]
    pub fn ok(body: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// 200 with a page and a `Link` header (RFC 8288): `next` is the older page, `prev` the newer one. The
    /// one that the client comes from may turn out to be empty. After an empty page with more to come, the
    /// same request continues, unless the page says from where.
    #[must_use]
    pub fn page<T: Serialize, C: ToString>(
        request: &Request,
        page: &Page<T>,
        cursor: Option<&Cursor<C>>,
        id: impl Fn(&T) -> C,
    ) -> Self {
        let more_after = page.has_more || matches!(cursor, Some(Cursor::EndingBefore(_)));
        let more_before = match cursor {
            None => false,
            Some(Cursor::StartingAfter(_)) => true,
            Some(Cursor::EndingBefore(_)) => page.has_more,
        };
        let direction = Cursor::direction(cursor);
        let examined_to = page.examined_to.clone();
        let (older, newer) = match direction {
            Direction::Older => (examined_to, None),
            Direction::Newer => (None, examined_to),
        };
        let last = page.data.last().filter(|_| more_after);
        let next = older.or_else(|| last.map(|last| id(last).to_string()));
        let first = page.data.first().filter(|_| more_before);
        let prev = newer.or_else(|| first.map(|first| id(first).to_string()));
        let link = |id: String, param, rel| {
            let target = request.with_cursor(param, &id);
            format!("<{target}>; rel=\"{rel}\"")
        };
        let next = next.map(|id| link(id, "starting_after", "next"));
        let prev = prev.map(|id| link(id, "ending_before", "prev"));
        let mut links: Vec<_> = next.into_iter().chain(prev).collect();
        if links.is_empty() && page.has_more {
            let rel = match direction {
                Direction::Older => "next",
                Direction::Newer => "prev",
            };
            links.push(format!("<{}>; rel=\"{rel}\"", request.path_and_query()));
        }
        let response = Self::ok(page);
        if links.is_empty() {
            response
        } else {
            response.with(header::LINK, &links.join(", "))
        }
    }

    /// 201 with a body.
    #[must_use]
    pub fn created(body: &impl Serialize) -> Self {
        Self::json(StatusCode::CREATED, body)
    }

    /// 202
    #[must_use]
    pub fn accepted(body: &impl Serialize) -> Self {
        Self::json(StatusCode::ACCEPTED, body)
    }

    /// Adds the `ETag` of a message in this version.
    #[must_use]
    pub fn tagged(self, version: Version) -> Self {
        let tag = etag::tag(version, self.0.body());
        self.with(header::ETAG, &tag)
    }

    /// Returns 304 instead if the client has the same response.
    #[must_use]
    pub fn not_modified_if(self, known: &IfNoneMatch) -> Self {
        match self.0.headers().get(header::ETAG) {
            Some(tag) if known.includes(tag) => {
                let mut response = Self::no_content();
                *response.0.status_mut() = StatusCode::NOT_MODIFIED;
                response.0.headers_mut().insert(header::ETAG, tag.clone());
                response
            }
            _ => self,
        }
    }

    /// Adds `Idempotent-Replayed: true` if an earlier request with the same key did the work.
    #[must_use]
    pub fn replayed_if(self, replayed: bool) -> Self {
        if replayed {
            self.with(HeaderName::from_static("idempotent-replayed"), "true")
        } else {
            self
        }
    }

    /// Adds the `Location` of the new resource.
    #[must_use]
    pub fn located_at(self, location: &str) -> Self {
        self.with(header::LOCATION, location)
    }

    /// 302 to another URL, which learns nothing of where the client came from.
    #[must_use]
    pub fn found(location: &str) -> Self {
        let mut response = Self::no_content();
        *response.0.status_mut() = StatusCode::FOUND;
        response
            .with(header::LOCATION, location)
            .with(header::REFERRER_POLICY, "no-referrer")
    }

    /// 204.
    #[must_use]
    pub fn no_content() -> Self {
        let mut response = http::Response::new(Body::Empty);
        *response.status_mut() = StatusCode::NO_CONTENT;
        Self(response)
    }

    /// 204 if everything is done; 202 if the same request has to be repeated.
    #[must_use]
    pub fn progress(progress: Progress) -> Self {
        let mut response = Self::no_content();
        match progress {
            Progress::Finished => response,
            Progress::Unfinished => {
                *response.0.status_mut() = StatusCode::ACCEPTED;
                response.with(header::RETRY_AFTER, "1")
            }
        }
    }

    /// Adds a header, unless the value is not allowed in a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers_mut().insert(name, value);
        }
        self
    }

    /// The response to an error. `conversation_param` is the parameter that names the conversation.
    pub(super) fn error(error: &Error, conversation_param: &'static str, request_id: &str) -> Self {
        let (status, code) = status_and_code(error);
        let r#type = if status.is_server_error() {
            "api_error"
        } else {
            "invalid_request"
        };
        let message = shorten(&error.to_string());
        let param = param(error, conversation_param);
        let param = param.as_deref().map(shorten);
        let body = ErrorBody {
            r#type,
            code,
            message,
            param: param.as_deref(),
            request_id,
        };
        let response = Self::json(status, &body);
        match error {
            Error::Unauthenticated(Unauthenticated::TokenMissing) => {
                response.with(header::WWW_AUTHENTICATE, "Bearer")
            }
            Error::Unauthenticated(
                Unauthenticated::TokenInvalid | Unauthenticated::JsonWebTokenInvalid(_),
            ) => response.with(header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#),
            Error::MethodNotAllowed { allow } => response.with(header::ALLOW, allow),
            Error::BudgetExceeded { retry_after }
            | Error::QuotaExceeded { retry_after, .. }
            | Error::TooManyReleasedUsernames { retry_after } => {
                response.with(header::RETRY_AFTER, &retry_after.to_string())
            }
            Error::AttachmentNotReady { .. } => response.with(header::RETRY_AFTER, "2"),
            Error::Unavailable(_) => response.with(header::RETRY_AFTER, "1"),
            _ => response,
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.0.status()
    }

    pub(super) fn with_request_id(self, request_id: &str) -> http::Response<Body> {
        self.with(HeaderName::from_static("x-request-id"), request_id)
            .with(header::CACHE_CONTROL, "no-store")
            .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .0
    }

    fn json(status: StatusCode, body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).expect("every response can be serialized");
        let response = http::Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, "application/json");
        Self(
            response
                .body(Body::Text(body))
                .expect("has only constant parts"),
        )
    }
}

/// The error in the log: its code and, for a server error, all causes; for a JSON Web Token, what is wrong with it.
///
/// Nothing from the request, because an invalid parameter may contain a message text.
pub(super) fn describe(error: &Error) -> String {
    let (status, code) = status_and_code(error);
    if status.is_server_error() {
        format!("{code}: {}", chain(error))
    } else if let Error::Unauthenticated(Unauthenticated::JsonWebTokenInvalid(problem)) = error {
        format!("{code}: {problem}")
    } else {
        code.to_owned()
    }
}

/// The closed list of error codes, each with its status.
fn status_and_code(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Invalid(invalid) => match invalid {
            Invalid::Syntax(_) => (StatusCode::BAD_REQUEST, "malformed_request"),
            Invalid::Unknown { .. } => (StatusCode::BAD_REQUEST, "parameter_unknown"),
            Invalid::Missing { .. } | Invalid::NoneOf { .. } => {
                (StatusCode::BAD_REQUEST, "parameter_missing")
            }
            Invalid::Repeated { .. } => (StatusCode::BAD_REQUEST, "parameter_repeated"),
            Invalid::Value { .. } => (StatusCode::BAD_REQUEST, "parameter_invalid"),
            Invalid::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Invalid::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type_unsupported"),
        },
        Error::TooManyEmoji { .. }
        | Error::TooManyAttachments
        | Error::MetadataTooLarge
        | Error::FileTooLarge { .. }
        | Error::InvalidParticipantCount { .. }
        | Error::LifetimeTooLong { .. }
        | Error::OwnContact
        | Error::UsernameReserved
        | Error::UsernameLikeId
        | Error::CursorNotFound(_)
        | Error::ForeignFeedCursor => (StatusCode::BAD_REQUEST, "parameter_invalid"),
        Error::FeedCursorExpired => (StatusCode::GONE, "cursor_expired"),
        Error::Unauthenticated(Unauthenticated::TokenMissing) => {
            (StatusCode::UNAUTHORIZED, "token_missing")
        }
        Error::Unauthenticated(
            Unauthenticated::TokenInvalid | Unauthenticated::JsonWebTokenInvalid(_),
        ) => (StatusCode::UNAUTHORIZED, "token_invalid"),
        Error::ContactRequired => (StatusCode::FORBIDDEN, "contact_required"),
        Error::KeyRequired { .. } => (StatusCode::FORBIDDEN, "key_required"),
        Error::OnBehalfOfRefused => (StatusCode::FORBIDDEN, "on_behalf_of_refused"),
        Error::ScopeMissing { .. } => (StatusCode::FORBIDDEN, "scope_missing"),
        Error::ExternalIdTaken => (StatusCode::CONFLICT, "external_id_taken"),
        Error::ContactSuspended => (StatusCode::CONFLICT, "contact_suspended"),
        Error::NotTheAuthor(_) => (StatusCode::FORBIDDEN, "not_the_author"),
        Error::NotTheCreator(_) => (StatusCode::FORBIDDEN, "not_the_creator"),
        Error::ConversationUnnamed => (StatusCode::FORBIDDEN, "conversation_without_name"),
        Error::ConversationOfTwo(_) => (StatusCode::FORBIDDEN, "conversation_of_two"),
        Error::ConversationClosed => (StatusCode::FORBIDDEN, "conversation_closed"),
        Error::ReportNotFound => (StatusCode::NOT_FOUND, "report_not_found"),
        Error::ConversationPending => (StatusCode::FORBIDDEN, "conversation_pending"),
        Error::NotAcceptingMessages { .. } => (StatusCode::FORBIDDEN, "not_accepting_messages"),
        Error::NotOwnReaction { .. } => (StatusCode::FORBIDDEN, "not_yourself"),
        Error::MessageNotFound | Error::QuotedMessageNotFound => {
            (StatusCode::NOT_FOUND, "message_not_found")
        }
        Error::AttachmentNotFound { .. } => (StatusCode::NOT_FOUND, "attachment_not_found"),
        Error::AttachmentAttached { .. } => (StatusCode::CONFLICT, "attachment_attached"),
        Error::AttachmentNotReady { .. } => (StatusCode::CONFLICT, "attachment_not_ready"),
        Error::LastAttachment => (StatusCode::CONFLICT, "last_attachment"),
        Error::ConversationNotFound => (StatusCode::NOT_FOUND, "conversation_not_found"),
        Error::IdempotentMessageDeleted => (StatusCode::NOT_FOUND, "message_deleted"),
        Error::IdempotencyKeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
        Error::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "precondition_failed"),
        Error::ContactNotFound | Error::ParticipantNotFound | Error::MentionNotFound { .. } => {
            (StatusCode::NOT_FOUND, "contact_not_found")
        }
        Error::TokenNotFound => (StatusCode::NOT_FOUND, "token_not_found"),
        Error::UsernameTaken => (StatusCode::CONFLICT, "username_taken"),
        Error::TooManyBlocks => (StatusCode::CONFLICT, "too_many_blocks"),
        Error::TooManyPinned => (StatusCode::CONFLICT, "too_many_pinned"),
        Error::TooManyTokens => (StatusCode::CONFLICT, "too_many_tokens"),
        Error::TooManyWebhooks => (StatusCode::CONFLICT, "too_many_webhooks"),
        Error::WebhookNotFound => (StatusCode::NOT_FOUND, "webhook_not_found"),
        Error::WebhooksDisabled => (StatusCode::FORBIDDEN, "webhooks_disabled"),
        Error::WebhookNotEnabled => (StatusCode::CONFLICT, "webhook_not_enabled"),
        Error::TooManySecrets { .. } => (StatusCode::CONFLICT, "too_many_secrets"),
        Error::DeliveryNotFound { .. } => (StatusCode::NOT_FOUND, "delivery_not_found"),
        Error::RouteNotFound => (StatusCode::NOT_FOUND, "route_not_found"),
        Error::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        Error::BudgetExceeded { .. } => (StatusCode::TOO_MANY_REQUESTS, "budget_exceeded"),
        Error::QuotaExceeded { .. } | Error::TooManyReleasedUsernames { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "quota_exceeded")
        }
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        Error::AlreadyExists | Error::Internal(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "internal")
        }
    }
}

/// The parameter at fault, in request syntax.
fn param<'a>(error: &'a Error, conversation_param: &'static str) -> Option<Cow<'a, str>> {
    Some(match error {
        Error::Invalid(
            Invalid::Unknown { param, .. }
            | Invalid::Missing { param }
            | Invalid::Repeated { param }
            | Invalid::Value {
                param: Some(param), ..
            },
        ) => param.into(),
        Error::NotOwnReaction { emoji } | Error::TooManyEmoji { emoji } => {
            format!("reactions[{emoji}][]").into()
        }
        Error::AttachmentNotFound { id: Some(_) }
        | Error::AttachmentAttached { .. }
        | Error::AttachmentNotReady { .. } => "attachments[]".into(),
        Error::TooManyAttachments | Error::NotTheAuthor(AuthorOnly::Attachments) => {
            "attachments".into()
        }
        Error::MetadataTooLarge
        | Error::NotTheAuthor(AuthorOnly::Metadata)
        | Error::NotTheCreator(CreatorOnly::Metadata)
        | Error::ConversationOfTwo(CreatorOnly::Metadata) => "metadata".into(),
        Error::TooManyPinned => "is_pinned".into(),
        Error::QuotedMessageNotFound => "reply_to".into(),
        Error::FileTooLarge { .. } => "file_size".into(),
        Error::MessageNotFound
        | Error::AttachmentNotFound { id: None }
        | Error::ContactNotFound
        | Error::TokenNotFound
        | Error::ReportNotFound
        | Error::WebhookNotFound
        | Error::LastAttachment
        | Error::OwnContact => "id".into(),
        Error::ConversationNotFound => conversation_param.into(),
        Error::ParticipantNotFound => "contact_id".into(),
        Error::ExternalIdTaken => "external_id".into(),
        Error::ContactRequired | Error::OnBehalfOfRefused => ON_BEHALF_OF.into(),
        Error::DeliveryNotFound { .. } => "ids[]".into(),
        Error::MentionNotFound { .. }
        | Error::InvalidParticipantCount { .. }
        | Error::NotAcceptingMessages { username: Some(_) } => "participants[]".into(),
        Error::CursorNotFound(direction) => cursor_param(*direction).into(),
        Error::ForeignFeedCursor | Error::FeedCursorExpired => "after".into(),
        Error::LifetimeTooLong { .. } => "expires_in".into(),
        Error::NotTheAuthor(AuthorOnly::Text) => "message".into(),
        Error::NotTheCreator(CreatorOnly::Name) | Error::ConversationOfTwo(CreatorOnly::Name) => {
            "name".into()
        }
        Error::UsernameTaken
        | Error::UsernameReserved
        | Error::UsernameLikeId
        | Error::TooManyReleasedUsernames { .. } => "username".into(),
        Error::IdempotentMessageDeleted | Error::IdempotencyKeyReused => "Idempotency-Key".into(),
        Error::PreconditionFailed => "If-Match".into(),
        Error::Invalid(
            Invalid::MediaType
            | Invalid::TooLarge { .. }
            | Invalid::Syntax(_)
            | Invalid::NoneOf { .. }
            | Invalid::Value { param: None, .. },
        )
        | Error::Unauthenticated(_)
        | Error::KeyRequired { .. }
        | Error::ScopeMissing { .. }
        | Error::ContactSuspended
        | Error::NotTheAuthor(AuthorOnly::Deletion)
        | Error::NotTheCreator(CreatorOnly::Participants)
        | Error::ConversationOfTwo(CreatorOnly::Participants)
        | Error::ConversationUnnamed
        | Error::ConversationPending
        | Error::ConversationClosed
        | Error::NotAcceptingMessages { username: None }
        | Error::TooManyBlocks
        | Error::TooManyTokens
        | Error::TooManyWebhooks
        | Error::WebhooksDisabled
        | Error::WebhookNotEnabled
        | Error::TooManySecrets { .. }
        | Error::RouteNotFound
        | Error::MethodNotAllowed { .. }
        | Error::AlreadyExists
        | Error::BudgetExceeded { .. }
        | Error::QuotaExceeded { .. }
        | Error::Unavailable(_)
        | Error::Internal(_) => return None,
    })
}

/// An error response need not repeat a long invalid value.
fn shorten(text: &str) -> String {
    const MAX_CHARS: usize = 200;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
