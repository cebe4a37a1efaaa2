//! All that can go wrong, told as what happened; [`crate::http`] makes statuses of it.

use std::fmt;

/// What every fallible step returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A cause, kept for the log and never shown to clients.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What happened instead of what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be read, or asks for what cannot be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Nobody knows who calls.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// There is no such message, or the caller may not know that there is.
    #[error("no such message, or you do not take part in its conversation")]
    MessageNotFound,
    /// What was sent under an idempotency key has been deleted since.
    #[error("what you sent under this Idempotency-Key has been deleted")]
    SentAndDeleted,
    /// Something else was sent under the same idempotency key.
    #[error(
        "this Idempotency-Key was used for another request within the last day: take a new one"
    )]
    IdempotencyKeyReused,
    /// The message is not in the version that the request was meant for.
    #[error("the message has been changed since: get it again, and its ETag")]
    PreconditionFailed,
    /// There is no such conversation, or the caller may not know that there is.
    #[error("no such conversation, or you do not take part in it")]
    ConversationNotFound {
        /// The parameter that named the conversation.
        param: &'static str,
    },
    /// There is no such contact, or the caller may not know that there is.
    #[error("no such contact{}", .text.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    ContactNotFound {
        /// The parameter that named the contact.
        param: &'static str,
        /// Which of several names it was.
        text: Option<String>,
    },
    /// The caller has no such token.
    #[error("you have no token with this id")]
    TokenNotFound,
    /// Another contact has this username.
    #[error("this username is taken")]
    UsernameTaken,
    /// Who takes part in a conversation without a name is settled.
    #[error("this conversation has no name: who takes part can be changed once it has one")]
    WithoutName,
    /// Somebody else began the conversation.
    #[error("only the creator of a conversation may name it and say who takes part")]
    NotTheCreator {
        /// The parameter that only the creator may send, if it was one.
        param: Option<&'static str>,
    },
    /// Somebody else wrote the message.
    #[error("only the author of a message may edit or delete it")]
    NotTheAuthor {
        /// The parameter that only the author may send, if it was one.
        param: Option<&'static str>,
    },
    /// The reaction would be somebody else's.
    #[error("you can only react as yourself: send your own username")]
    NotYourself {
        /// The parameter that held the other's username.
        param: String,
    },
    /// No endpoint has this path.
    #[error("no endpoint has this path")]
    RouteNotFound,
    /// Endpoints have this path, none of them this method.
    #[error("this path answers only to {allow}")]
    MethodNotAllowed {
        /// The methods that it has, comma-separated.
        allow: &'static str,
    },
    /// What was to be added exists.
    #[error("it exists already")]
    AlreadyExists,
    /// What was asked for has happened, and traces of what was before are left to be removed.
    #[error("done, but for traces whose removal takes longer than one request: repeat it")]
    Unfinished,
    /// The store throttles or is away, after all retries; nothing was changed unless it was all changed.
    #[error("the service is busy; try again shortly")]
    Unavailable(#[source] Cause),
    /// A bug, or data that no version of this code has written.
    #[error("something went wrong on our side")]
    Internal(#[source] Cause),
}

/// Why nobody knows who calls.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum Unauthenticated {
    /// Nobody said.
    #[error("no bearer token: send the header \"Authorization: Bearer <token>\"")]
    TokenMissing,
    /// What was said does not stand for a contact, or no longer does.
    #[error("the bearer token is malformed, unknown, expired or revoked")]
    TokenInvalid,
}

/// Why a request cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// A body of a type that no endpoint takes.
    #[error("send the body as application/json or application/x-www-form-urlencoded")]
    MediaType,
    /// More than an endpoint reads.
    #[error("the body must be at most {limit} bytes")]
    TooLarge {
        /// The most it may be, in bytes.
        limit: usize,
    },
    /// A body or query that does not follow its syntax.
    #[error("{0}")]
    Syntax(String),
    /// A parameter that the endpoint does not have.
    #[error("unknown parameter; those that exist here: {expected}")]
    Unknown {
        /// The parameter, in request syntax.
        param: String,
        /// Those that it has.
        expected: String,
    },
    /// A parameter that the endpoint needs.
    #[error("this parameter is required")]
    Missing {
        /// The parameter, in request syntax.
        param: String,
    },
    /// None of several parameters, of which the endpoint needs one.
    #[error("give at least one of {params}")]
    NoneOf {
        /// Those that would do.
        params: &'static str,
    },
    /// A parameter given twice that can only have one value.
    #[error("this parameter is given more than once")]
    Repeated {
        /// The parameter, in request syntax.
        param: String,
    },
    /// A value that the parameter cannot have.
    #[error("{problem}")]
    Value {
        /// The parameter, in request syntax; none if several are meant.
        param: Option<String>,
        /// What would be right.
        problem: String,
    },
}

impl Invalid {
    /// A `param` with a value that it cannot have.
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
}

/// What went wrong and every cause of it: an SDK error alone says nothing.
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
