//! Everything that can go wrong. [`crate::http`] translates it into statuses, codes and parameter names.

use std::fmt;

use crate::attachment::MAX_ATTACHMENTS;
use crate::contact::{MAX_BLOCKS, MAX_RELEASED_USERNAMES};
use crate::conversation::MAX_PARTICIPANTS;
use crate::id::{AttachmentId, MessageId};
use crate::key::Scope;
use crate::message::{Emoji, MAX_EMOJI, MAX_PINNED};
use crate::metadata;
use crate::page::Direction;
use crate::token::MAX_TOKENS;
use crate::webhook::{DeliveryId, MAX_PREVIOUS_SECRETS, MAX_WEBHOOKS};

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
    /// The attachment does not exist, or the caller may not use it.
    #[error("{}", no_such_attachment(.id.as_ref()))]
    AttachmentNotFound {
        /// The id, if the request names several.
        id: Option<AttachmentId>,
    },
    /// The attachment has been sent with a message.
    #[error("{id} has been sent already: an attachment belongs to one message")]
    AttachmentAttached {
        /// The attachment.
        id: AttachmentId,
        /// The message.
        message: MessageId,
    },
    /// The message would have too many attachments.
    #[error("a message has at most {MAX_ATTACHMENTS} attachments")]
    TooManyAttachments,
    /// The message has no text and no other attachment.
    #[error("this is all that its message has: delete the message instead")]
    LastAttachment,
    /// The file of the attachment has not been uploaded yet, or not been scanned.
    #[error(
        "the file of {id} is not available yet: it has not been uploaded, or is still being scanned"
    )]
    AttachmentNotReady {
        /// The attachment.
        id: AttachmentId,
    },
    /// The file is larger than the operator allows.
    #[error("must be at most {limit} bytes")]
    FileTooLarge {
        /// The largest file, in bytes.
        limit: u64,
    },
    /// The message that an earlier request with the same idempotency key created has been deleted.
    #[error("the message sent with this Idempotency-Key has been deleted")]
    IdempotentMessageDeleted,
    /// An earlier request with the same idempotency key had other content.
    #[error("this Idempotency-Key was used for another request within the last 24 hours")]
    IdempotencyKeyReused,
    /// The message is not in an expected version.
    #[error("the message has changed: get it again for its current ETag")]
    PreconditionFailed,
    /// The message to reply to does not exist.
    #[error("no such message in this conversation")]
    QuotedMessageNotFound,
    /// The message would have too many different emoji.
    #[error("a message takes at most {MAX_EMOJI} different emoji")]
    TooManyEmoji {
        /// The first emoji that is too many.
        emoji: Emoji,
    },
    /// The conversation has as many pinned messages as possible.
    #[error("a conversation has at most {MAX_PINNED} pinned messages: unpin one first")]
    TooManyPinned,
    /// The object would have too much metadata.
    #[error(
        "has at most {} keys, and {} bytes in keys and values together",
        metadata::MAX_KEYS,
        metadata::MAX_BYTES
    )]
    MetadataTooLarge,
    /// The report does not exist.
    #[error("no such report")]
    ReportNotFound,
    /// The operator has closed the conversation.
    #[error("the operator has closed this conversation: it can be read, but not written to")]
    ConversationClosed,
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
    /// The contact is the caller.
    #[error("you cannot block yourself")]
    OwnContact,
    /// The caller has blocked as many contacts as possible.
    #[error("you have blocked {MAX_BLOCKS} contacts: unblock one first")]
    TooManyBlocks,
    /// The caller has no such token.
    #[error("you have no token with this id")]
    TokenNotFound,
    /// The contact has as many valid tokens as it may have.
    #[error("you have {MAX_TOKENS} tokens: revoke one first")]
    TooManyTokens,
    /// The webhook does not exist, or it belongs to another contact.
    #[error("no such webhook")]
    WebhookNotFound,
    /// The contact has as many webhooks as it may have.
    #[error("you have {MAX_WEBHOOKS} webhooks: delete one first")]
    TooManyWebhooks,
    /// The deployment delivers no webhooks.
    #[error("this deployment has no webhooks: its operator can set the parameter Webhooks")]
    WebhooksDisabled,
    /// The webhook is disabled, so nothing is delivered to it.
    #[error("this webhook is disabled: enable it first")]
    WebhookNotEnabled,
    /// The webhook has as many previous secrets as it may have.
    #[error(
        "{MAX_PREVIOUS_SECRETS} secrets were replaced within 24 hours: try again in {retry_after} seconds, or create another webhook"
    )]
    TooManySecrets {
        /// When one of them expires, in seconds from now.
        retry_after: u64,
    },
    /// The webhook has no such delivery, or not any more.
    #[error("no delivery {id}: it does not exist, has expired, or is one of another webhook")]
    DeliveryNotFound {
        /// Its id.
        id: DeliveryId,
    },
    /// A new token would expire after the one it is created with.
    #[error("must be at most {max_seconds}: a token cannot outlive the one that creates it")]
    LifetimeTooLong {
        /// The longest lifetime, in seconds.
        max_seconds: u64,
    },
    /// The cursor is not one of the caller's conversations.
    #[error("must be the id of one of your conversations")]
    CursorNotFound(Direction),
    /// The cursor is one of another contact's feed.
    #[error(
        "must be a cursor of your feed; this one is of another contact: request one without after"
    )]
    ForeignFeedCursor,
    /// The feed may lack events since the cursor.
    #[error(
        "this cursor has expired: request a new one without after, discard what you have stored, and load it again"
    )]
    FeedCursorExpired,
    /// The username belongs to another contact.
    #[error("this username is taken")]
    UsernameTaken,
    /// The operator has reserved the username.
    #[error("this username is reserved: choose another")]
    UsernameReserved,
    /// The username has the shape of an id.
    #[error("must not be 16 letters and digits, which is the shape of an id")]
    UsernameLikeId,
    /// The caller has given up as many usernames as can stay taken.
    #[error(
        "you have given up {MAX_RELEASED_USERNAMES} usernames, which stay taken for a while: \
         take one of them back, or try again in {retry_after} seconds"
    )]
    TooManyReleasedUsernames {
        /// When the first of them becomes available to all, in seconds from now.
        retry_after: u64,
    },
    /// The participants of a conversation without a name cannot be changed.
    #[error("this conversation has no name: set one before you change its participants")]
    ConversationUnnamed,
    /// The conversation belongs to two contacts and cannot become a group.
    #[error(
        "a conversation of two cannot be named, and its participants stay: create one with a name instead"
    )]
    ConversationOfTwo(CreatorOnly),
    /// The caller has not accepted the conversation yet.
    #[error("accept this conversation first: send accepted=true")]
    ConversationPending,
    /// Another contact refuses the caller: it has blocked the caller, declined or left within a day, or accepts
    /// nobody that it does not know. Which of these is not disclosed.
    #[error("{} not accept messages from you", .username.as_deref().map_or_else(|| "this contact does".to_owned(), |name| format!("{name} does")))]
    NotAcceptingMessages {
        /// The contact's username, if the request named several.
        username: Option<String>,
    },
    /// The endpoint is for contacts, and a server key acts for none.
    #[error(
        "a server key is not a contact: send \"On-Behalf-Of: <contact>\" with it, or a contact's token"
    )]
    ContactRequired,
    /// The endpoint, or the header `On-Behalf-Of`, is for server keys.
    #[error("{}", takes_a_key(*scope))]
    KeyRequired {
        /// The scope.
        scope: Scope,
    },
    /// The server key lacks a scope.
    #[error("the server key lacks the scope {scope}")]
    ScopeMissing {
        /// The scope.
        scope: Scope,
    },
    /// The contact that a server key creates a token for is suspended.
    #[error("the contact is suspended")]
    ContactSuspended,
    /// Another contact has the external id.
    #[error("another contact has this external id")]
    ExternalIdTaken,
    /// The contact that a server key would act for does not exist, or is suspended.
    #[error(
        "no such contact, or it is suspended: name it by its id, or by external: and its external id"
    )]
    OnBehalfOfRefused,
    /// Only the creator of the conversation may do this.
    #[error(
        "only the creator of a conversation may name it, set its metadata or change its participants"
    )]
    NotTheCreator(CreatorOnly),
    /// Only the author of the message may do this.
    #[error("only the author may edit or delete a message, and set its metadata or attachments")]
    NotTheAuthor(AuthorOnly),
    /// The reaction would be another contact's.
    #[error("you can only react as yourself: send your own username")]
    NotOwnReaction {
        /// The emoji of the reaction.
        emoji: Emoji,
    },
    /// No endpoint has this path.
    #[error("no endpoint has this path; paths begin with /v1/ and have no slash at the end")]
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
    /// The requests of the caller have consumed the capacity units of a window of time.
    #[error("your requests have used up their budget: try again in {retry_after} seconds")]
    BudgetExceeded {
        /// When the window ends, in seconds from now.
        retry_after: u64,
    },
    /// The caller would create or add more than one may in a day.
    #[error("{}: try again in {retry_after} seconds", quota.sentence(*limit))]
    QuotaExceeded {
        /// Which quota.
        quota: Quota,
        /// How many are allowed.
        limit: u64,
        /// When the day ends, in seconds from now.
        retry_after: u64,
    },
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
    /// Which attachments are added to it.
    Attachments,
    /// Its metadata.
    Metadata,
    /// Whether it exists.
    Deletion,
}

/// What only the creator of a conversation may change.
#[derive(Clone, Copy, Debug)]
pub enum CreatorOnly {
    /// Its name.
    Name,
    /// Its metadata.
    Metadata,
    /// Its participants.
    Participants,
}

/// What a contact may do only so often a day.
#[derive(Clone, Copy, Debug)]
pub enum Quota {
    /// Creating conversations.
    Conversations,
    /// Adding participants to conversations, or creating conversations with them.
    Participants,
    /// Beginning uploads.
    Uploads,
    /// Uploading bytes.
    UploadBytes,
}

impl Quota {
    /// The quota as a sentence: "you can create at most 500 conversations a day".
    fn sentence(self, limit: u64) -> String {
        match self {
            Self::Conversations => {
                format!("you can create at most {limit} conversations a day (UTC)")
            }
            Self::Participants => format!("you can add at most {limit} participants a day (UTC)"),
            Self::Uploads => format!("you can begin at most {limit} uploads a day (UTC)"),
            Self::UploadBytes => format!("you can upload at most {limit} bytes a day (UTC)"),
        }
    }
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
    /// The JSON Web Token is not valid. Why is logged, and not sent to clients.
    #[error("the bearer token is malformed, unknown, expired or revoked")]
    JsonWebTokenInvalid(TokenProblem),
}

/// Why a JSON Web Token is not valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenProblem {
    /// It is larger than any token has to be.
    #[error("it is too large")]
    TooLarge,
    /// Header or claims are not base64url or not JSON.
    #[error("it is malformed")]
    Malformed,
    /// The algorithm is not allowed, or not the one of the key.
    #[error("its algorithm is not that of its key, or not allowed")]
    Algorithm,
    /// The identity provider has no such key.
    #[error("its key is unknown")]
    KeyUnknown,
    /// The key has not signed it.
    #[error("its signature is wrong")]
    Signature,
    /// `exp` is in the past.
    #[error("it has expired")]
    Expired,
    /// `nbf` is in the future.
    #[error("it is not valid yet")]
    NotYetValid,
    /// `iss` is not the identity provider.
    #[error("its issuer is another")]
    Issuer,
    /// `aud` does not contain this API.
    #[error("its audience is another")]
    Audience,
    /// A claim that it must have is missing or malformed.
    #[error("iss, aud, exp or sub is missing or malformed")]
    Claims,
    /// No contact has its `sub` as external id.
    #[error("its subject is not the external id of a contact")]
    ContactUnknown,
    /// The contact is suspended.
    #[error("its contact is suspended")]
    ContactSuspended,
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
            | Self::AttachmentNotFound { .. }
            | Self::AttachmentAttached { .. }
            | Self::TooManyAttachments
            | Self::LastAttachment
            | Self::AttachmentNotReady { .. }
            | Self::FileTooLarge { .. }
            | Self::IdempotentMessageDeleted
            | Self::IdempotencyKeyReused
            | Self::PreconditionFailed
            | Self::QuotedMessageNotFound
            | Self::TooManyEmoji { .. }
            | Self::TooManyPinned
            | Self::MetadataTooLarge
            | Self::ReportNotFound
            | Self::ConversationClosed
            | Self::ConversationNotFound
            | Self::InvalidParticipantCount { .. }
            | Self::ContactNotFound
            | Self::ParticipantNotFound
            | Self::MentionNotFound { .. }
            | Self::OwnContact
            | Self::TooManyBlocks
            | Self::TokenNotFound
            | Self::TooManyTokens
            | Self::WebhookNotFound
            | Self::TooManyWebhooks
            | Self::WebhooksDisabled
            | Self::WebhookNotEnabled
            | Self::TooManySecrets { .. }
            | Self::DeliveryNotFound { .. }
            | Self::LifetimeTooLong { .. }
            | Self::CursorNotFound(_)
            | Self::ForeignFeedCursor
            | Self::FeedCursorExpired
            | Self::UsernameTaken
            | Self::UsernameReserved
            | Self::UsernameLikeId
            | Self::TooManyReleasedUsernames { .. }
            | Self::ConversationUnnamed
            | Self::ConversationOfTwo(_)
            | Self::ConversationPending
            | Self::NotAcceptingMessages { .. }
            | Self::ContactRequired
            | Self::KeyRequired { .. }
            | Self::ScopeMissing { .. }
            | Self::ContactSuspended
            | Self::ExternalIdTaken
            | Self::OnBehalfOfRefused
            | Self::NotTheCreator(_)
            | Self::NotTheAuthor(_)
            | Self::NotOwnReaction { .. }
            | Self::QuotaExceeded { .. }
            | Self::AlreadyExists => true,
            Self::Unauthenticated(_)
            | Self::BudgetExceeded { .. }
            | Self::RouteNotFound
            | Self::MethodNotAllowed { .. }
            | Self::Unavailable(_)
            | Self::Internal(_) => false,
        }
    }
}

fn takes_a_key(scope: Scope) -> String {
    match scope {
        Scope::Conversations => {
            "On-Behalf-Of takes a server key with the scope conversations".to_owned()
        }
        _ => format!("this takes a server key with the scope {scope}, and no On-Behalf-Of"),
    }
}

fn no_such_attachment(id: Option<&AttachmentId>) -> String {
    let which = id.map_or_else(
        || "no such attachment".to_owned(),
        |id| format!("no attachment {id}"),
    );
    format!("{which}: it does not exist, has expired, or you may not use it")
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
