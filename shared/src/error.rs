//! Everything that can go wrong. [`crate::http`] translates it into statuses, codes and parameter names.

use std::fmt;

use crate::conversation::MAX_PARTICIPANTS;
use crate::message::{Emoji, MAX_EMOJI};
use crate::page::Direction;

/// The result of every fallible step.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A cause, which is logged and never sent to clients.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be parsed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The caller is not authenticated.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// The message does not exist, or the caller is not a participant of its conversation.
    #[error("no such message, or you are not a participant of its conversation")]
    MessageNotFound,
    /// The message that an earlier request with the same idempotency key created has been deleted.
    #[error("the message sent with this Idempotency-Key has been deleted")]
    IdempotentMessageDeleted,
    /// An earlier request with the same idempotency key had other content.
    #[error("this Idempotency-Key was used for another request within the last 24 hours")]
    IdempotencyKeyReused,
    /// The message is not in an expected version.
    #[error("the message has changed: get it again for its current ETag")]
    PreconditionFailed,
    /// The message would have too many different emoji.
    #[error("a message takes at most {MAX_EMOJI} different emoji")]
    TooManyEmoji {
        /// The first emoji that is too many.
        emoji: Emoji,
    },
    /// The conversation does not exist, or the caller is not a participant.
    #[error("no such conversation, or you are not a participant")]
    ConversationNotFound,
    /// The conversation would have no participants, or too many.
    #[error("a conversation has 1 to {MAX_PARTICIPANTS} participants, not {count}")]
    InvalidParticipantCount {
        /// The number of participants.
        count: usize,
    },
    /// The contact does not exist, or the caller may not see it.
    #[error("no such contact")]
    ContactNotFound,
    /// The contact is not a participant of the conversation.
    #[error("no such contact")]
    ParticipantNotFound,
    /// A mention matches no contact.
    #[error("no such contact: {mention}")]
    MentionNotFound {
        /// The mention as it was sent.
        mention: String,
    },
    /// The caller has no such token.
    #[error("you have no token with this id")]
    TokenNotFound,
    /// A new token would expire after the one it is created with.
    #[error("must be at most {max_seconds}: a token cannot outlive the one that creates it")]
    LifetimeTooLong {
        /// The longest lifetime, in seconds.
        max_seconds: u64,
    },
    /// The cursor is not one of the caller's conversations.
    #[error("must be the id of one of your conversations")]
    CursorNotFound(Direction),
    /// The username belongs to another contact.
    #[error("this username is taken")]
    UsernameTaken,
    /// The participants of a conversation without a name cannot be changed.
    #[error("this conversation has no name: set one before you change its participants")]
    ConversationUnnamed,
    /// Only the creator of the conversation may do this.
    #[error("only the creator of a conversation may name it or change its participants")]
    NotTheCreator(CreatorOnly),
    /// Only the author of the message may do this.
    #[error("only the author of a message may edit or delete it")]
    NotTheAuthor(AuthorOnly),
    /// The reaction would be another contact's.
    #[error("you can only react as yourself: send your own username")]
    NotOwnReaction {
        /// The emoji of the reaction.
        emoji: Emoji,
    },
    /// No endpoint has this path.
    #[error("no endpoint has this path")]
    RouteNotFound,
    /// No endpoint with this path has this method.
    #[error("this path supports only {allow}")]
    MethodNotAllowed {
        /// The supported methods, separated by commas.
        allow: &'static str,
    },
    /// What was to be created exists.
    #[error("already exists")]
    AlreadyExists,
    /// The request has taken effect, but its cleanup takes longer than one request.
    #[error("done, but the cleanup takes longer than one request: repeat it to continue")]
    Unfinished,
    /// DynamoDB throttles or is unavailable after all retries, or the request took too long. A transaction is
    /// written entirely or not at all; an operation of several steps may be partly done and can be repeated.
    #[error("the service is busy; try again shortly")]
    Unavailable(#[source] Cause),
    /// A bug, or data that no version of this code has written.
    #[error("something went wrong on our side")]
    Internal(#[source] Cause),
}

/// What only the author of a message may change.
#[derive(Clone, Copy, Debug)]
pub enum AuthorOnly {
    /// Its text.
    Text,
    /// Whether it exists.
    Deletion,
}

/// What only the creator of a conversation may change.
#[derive(Clone, Copy, Debug)]
pub enum CreatorOnly {
    /// Its name.
    Name,
    /// Its participants.
    Participants,
}

/// Why the caller is not authenticated.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum Unauthenticated {
    /// The request has no bearer token.
    #[error("no bearer token: send the header \"Authorization: Bearer <token>\"")]
    TokenMissing,
    /// The token is not valid, or not any more.
    #[error("the bearer token is malformed, unknown, expired or revoked")]
    TokenInvalid,
}

/// Why a request cannot be parsed.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// The type of the body is not supported.
    #[error("send the body as application/json or application/x-www-form-urlencoded")]
    MediaType,
    /// The body is too large.
    #[error("the body must be at most {limit} bytes")]
    TooLarge {
        /// The largest body, in bytes.
        limit: usize,
    },
    /// The body or the query string is malformed.
    #[error("{0}")]
    Syntax(String),
    /// The endpoint has no such parameter.
    #[error("unknown parameter; this endpoint takes: {expected}")]
    Unknown {
        /// The parameter, in request syntax.
        param: String,
        /// The parameters of the endpoint.
        expected: String,
    },
    /// A required parameter is missing.
    #[error("this parameter is required")]
    Missing {
        /// The parameter, in request syntax.
        param: String,
    },
    /// At least one of several parameters is required.
    #[error("send at least one of {params}")]
    NoneOf {
        /// The parameters.
        params: &'static str,
    },
    /// A parameter with a single value was sent more than once.
    #[error("this parameter was sent more than once")]
    Repeated {
        /// The parameter, in request syntax.
        param: String,
    },
    /// The value of a parameter is not valid.
    #[error("{problem}")]
    Value {
        /// The parameter, in request syntax; none if it concerns several.
        param: Option<String>,
        /// What a valid value would be.
        problem: String,
    },
}

impl Invalid {
    /// The value of `param` is not valid.
    pub fn value(param: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self::Value {
            param: Some(param.into()),
            problem: problem.to_string(),
        }
    }
}

impl Error {
    /// A bug, with its cause.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// Whether only an authenticated caller may see this error. The caller's token is then checked first, if
    /// it has not been, so that a caller without a valid token learns nothing else.
    #[must_use]
    pub fn requires_authentication(&self) -> bool {
        match self {
            Self::Invalid(_)
            | Self::MessageNotFound
            | Self::IdempotentMessageDeleted
            | Self::IdempotencyKeyReused
            | Self::PreconditionFailed
            | Self::TooManyEmoji { .. }
            | Self::ConversationNotFound
            | Self::InvalidParticipantCount { .. }
            | Self::ContactNotFound
            | Self::ParticipantNotFound
            | Self::MentionNotFound { .. }
            | Self::TokenNotFound
            | Self::LifetimeTooLong { .. }
            | Self::CursorNotFound(_)
            | Self::UsernameTaken
            | Self::ConversationUnnamed
            | Self::NotTheCreator(_)
            | Self::NotTheAuthor(_)
            | Self::NotOwnReaction { .. }
            | Self::AlreadyExists
            | Self::Unfinished => true,
            Self::Unauthenticated(_)
            | Self::RouteNotFound
            | Self::MethodNotAllowed { .. }
            | Self::Unavailable(_)
            | Self::Internal(_) => false,
        }
    }
}

/// The message of an error and of all its causes: that of an SDK error alone says nothing.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut chain = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        next = cause.source();
    }
    chain
}
