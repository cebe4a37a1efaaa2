use std::fmt;

use crate::id::{AttachmentId, ContactId, ConversationId, MessageId, TokenId, WebhookId};

/// Items that are inconsistent. It is displayed as the ids that identify it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Inconsistency {
    /// An inbox entry without its message.
    EntryWithoutMessage(ContactId, MessageId),
    /// An inbox entry whose owner is not a participant of the conversation.
    EntryOfNonParticipant(ContactId, MessageId),
    /// A membership of a contact that is not a participant of the conversation.
    MembershipOfNonParticipant(ContactId, ConversationId),
    /// A participant without a membership.
    ParticipantWithoutMembership(ContactId, ConversationId),
    /// An ended membership with inbox entries that were not cleaned up.
    UnfinishedLeave(ContactId, ConversationId),
    /// A closed conversation that was not deleted.
    UnfinishedClose(ContactId, ConversationId),
    /// A conversation that is too low in a participant's list, because it has a newer message.
    StalePosition(ContactId, ConversationId),
    /// A membership in the list of pending conversations that is accepted, or the reverse.
    MembershipInWrongList(ContactId, ConversationId),
    /// Two contacts who share a conversation, of whom one is not listed as an acquaintance of the other.
    MissingAcquaintance(ContactId, ContactId, ConversationId),
    /// A contact listed as an acquaintance because of a conversation that the two do not share.
    StaleAcquaintance(ContactId, ContactId, ConversationId),
    /// A contact that was created before acquaintances were stored.
    IncompleteAcquaintances(ContactId),
    /// A message without its conversation.
    MessageWithoutConversation(MessageId),
    /// A sent attachment that its message does not show.
    AttachmentWithoutMessage(AttachmentId, MessageId),
    /// A message that shows an attachment which does not exist, or belongs to another message.
    MissingAttachment(MessageId, AttachmentId),
    /// A file that is older than a day, whose attachment does not exist.
    FileWithoutAttachment(AttachmentId),
    /// A sent attachment whose file does not exist. It cannot be repaired.
    AttachmentWithoutFile(AttachmentId),
    /// A pinned message that its conversation does not list.
    UnlistedPinnedMessage(MessageId),
    /// A message that its conversation lists as pinned, and that is not pinned or does not exist.
    ListedUnpinnedMessage(MessageId),
    /// A webhook that its owner's listener does not list: it gets no events.
    UnlistedWebhook(ContactId, WebhookId),
    /// A webhook that does not exist, and counts towards the ten of its owner.
    ListedMissingWebhook(ContactId, WebhookId),
    /// A recorded edit without its message.
    EditWithoutMessage {
        /// The message.
        message: MessageId,
        /// Its sort key.
        id: String,
    },
    /// Reads without their conversation.
    ReadsWithoutConversation {
        /// The conversation that the reads refer to.
        conversation: ConversationId,
        /// Their sort key.
        up_to: String,
    },
    /// A pair whose conversation does not exist or does not refer to it.
    PairWithoutConversation {
        /// The id of the pair.
        pair: String,
        /// The conversation that the pair refers to.
        conversation: ConversationId,
    },
    /// A conversation whose pair does not exist or does not refer to it.
    ConversationWithoutPair {
        /// The id of the pair.
        pair: String,
        /// The conversation that refers to the pair.
        conversation: ConversationId,
    },
    /// A conversation of two that one participant has left, and that is not marked as one: it could be named, and
    /// participants could be added.
    UnmarkedConversationOfTwo(ConversationId),
    /// A username item whose owner does not exist or has another username.
    UsernameWithoutContact {
        /// The username in lower case.
        username: String,
        /// The owner in the item.
        contact: ContactId,
        /// The owner's actual username, if the owner exists.
        actual: Option<String>,
    },
    /// A contact whose username item does not exist or has another owner.
    ContactWithoutUsername {
        /// The contact.
        contact: ContactId,
        /// Its username.
        username: String,
    },
    /// A valid token that is not listed.
    UnlistedToken(InconsistentToken),
    /// A listed token that is not valid.
    ListedInvalidToken(InconsistentToken),
    /// A token without its contact.
    TokenWithoutContact(InconsistentToken),
    /// A valid token, although the one that it was issued with is not.
    TokenWithoutIssuer(InconsistentToken),
    /// A valid server key that is not listed.
    UnlistedKey {
        /// Its id.
        id: TokenId,
        /// The hash of its secret.
        hash: String,
    },
    /// A listed server key that is not valid.
    ListedInvalidKey(TokenId),
    /// What a server key has spent, without the key.
    AccountWithoutKey(TokenId),
    /// An external id whose contact does not exist or has another one.
    ExternalIdWithoutContact {
        /// The external id.
        external_id: String,
        /// The contact in its item.
        contact: ContactId,
    },
    /// A contact whose external id does not exist or belongs to another contact.
    ContactWithoutExternalId {
        /// The contact.
        contact: ContactId,
        /// Its external id.
        external_id: String,
    },
    /// An external id that does not say of its contact whether it is suspended, or since when.
    ExternalIdWithWrongSuspension {
        /// The external id.
        external_id: String,
        /// Its contact.
        contact: ContactId,
    },
    /// A contact that is not listed among all contacts.
    MissingInDirectory(ContactId),
    /// An entry of the list of all contacts without its contact.
    DirectoryEntryWithoutContact(ContactId),
    /// A contact whose erasure has made no progress for a day. Repairing does not continue it.
    UnfinishedErasure(ContactId),
}

/// What identifies a token.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct InconsistentToken {
    pub(in crate::store::admin) contact: ContactId,
    pub(in crate::store::admin) id: TokenId,
    pub(in crate::store::admin) hash: String,
}

impl Inconsistency {
    /// Whether a file without attachment is meant, which repairing deletes.
    #[must_use]
    pub fn is_file_without_attachment(&self) -> bool {
        matches!(self, Self::FileWithoutAttachment(_))
    }
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EntryWithoutMessage(contact, message)
            | Self::EntryOfNonParticipant(contact, message) => write!(f, "{contact} {message}"),
            Self::MembershipOfNonParticipant(contact, conversation)
            | Self::ParticipantWithoutMembership(contact, conversation)
            | Self::UnfinishedLeave(contact, conversation)
            | Self::UnfinishedClose(contact, conversation)
            | Self::MembershipInWrongList(contact, conversation)
            | Self::StalePosition(contact, conversation) => write!(f, "{contact} {conversation}"),
            Self::MissingAcquaintance(contact, other, conversation)
            | Self::StaleAcquaintance(contact, other, conversation) => {
                write!(f, "{contact} {other} {conversation}")
            }
            Self::IncompleteAcquaintances(contact)
            | Self::MissingInDirectory(contact)
            | Self::DirectoryEntryWithoutContact(contact)
            | Self::UnfinishedErasure(contact) => write!(f, "{contact}"),
            Self::UnlistedKey { id, .. }
            | Self::ListedInvalidKey(id)
            | Self::AccountWithoutKey(id) => write!(f, "{id}"),
            Self::ExternalIdWithoutContact {
                external_id,
                contact,
            }
            | Self::ExternalIdWithWrongSuspension {
                external_id,
                contact,
            }
            | Self::ContactWithoutExternalId {
                contact,
                external_id,
            } => write!(f, "{contact} {external_id}"),
            Self::UnmarkedConversationOfTwo(conversation) => write!(f, "{conversation}"),
            Self::MessageWithoutConversation(message)
            | Self::UnlistedPinnedMessage(message)
            | Self::ListedUnpinnedMessage(message) => write!(f, "{message}"),
            Self::UnlistedWebhook(owner, id) | Self::ListedMissingWebhook(owner, id) => {
                write!(f, "{owner} {id}")
            }
            Self::EditWithoutMessage { message, id } => write!(f, "{message} {id}"),
            Self::AttachmentWithoutMessage(attachment, message) => {
                write!(f, "{attachment} {message}")
            }
            Self::MissingAttachment(message, attachment) => write!(f, "{message} {attachment}"),
            Self::FileWithoutAttachment(attachment) | Self::AttachmentWithoutFile(attachment) => {
                write!(f, "{attachment}")
            }
            Self::ReadsWithoutConversation {
                conversation,
                up_to,
            } => write!(f, "{conversation} {up_to}"),
            Self::PairWithoutConversation { pair, conversation }
            | Self::ConversationWithoutPair { pair, conversation } => {
                write!(f, "{pair} {conversation}")
            }
            Self::UsernameWithoutContact {
                username, contact, ..
            }
            | Self::ContactWithoutUsername { contact, username } => {
                write!(f, "{contact} {username}")
            }
            // Never the hash, which the output does not need.
            Self::UnlistedToken(InconsistentToken { contact, id, .. })
            | Self::ListedInvalidToken(InconsistentToken { contact, id, .. })
            | Self::TokenWithoutContact(InconsistentToken { contact, id, .. })
            | Self::TokenWithoutIssuer(InconsistentToken { contact, id, .. }) => {
                write!(f, "{contact} {id}")
            }
        }
    }
}
