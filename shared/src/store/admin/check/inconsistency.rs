use std::fmt;

use crate::id::{ContactId, ConversationId, MessageId, TokenId};

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
    /// A message without its conversation.
    MessageWithoutConversation(MessageId),
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
}

/// What identifies a token.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct InconsistentToken {
    pub(in crate::store::admin) contact: ContactId,
    pub(in crate::store::admin) id: TokenId,
    pub(in crate::store::admin) hash: String,
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
            | Self::StalePosition(contact, conversation) => write!(f, "{contact} {conversation}"),
            Self::MessageWithoutConversation(message) => write!(f, "{message}"),
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
            | Self::TokenWithoutContact(InconsistentToken { contact, id, .. }) => {
                write!(f, "{contact} {id}")
            }
        }
    }
}
