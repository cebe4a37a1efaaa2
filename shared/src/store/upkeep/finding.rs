//! A thing that is wrong.

use std::fmt;

use crate::id::{ContactId, ConversationId, MessageId, TokenId};

/// A thing that is wrong; its text is the ids of what it is about.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Finding {
    /// An inbox entry whose message is gone.
    EntryWithoutMessage(ContactId, MessageId),
    /// An inbox entry whose owner does not take part in the conversation.
    EntryOfStranger(ContactId, MessageId),
    /// A membership whose conversation is gone, or does not have the participant.
    MembershipWithoutPart(ContactId, ConversationId),
    /// A participant without a membership.
    PartWithoutMembership(ContactId, ConversationId),
    /// A membership that has ended, and not all of its inbox entries are gone.
    UnfinishedLeaving(ContactId, ConversationId),
    /// A conversation that its last participant has left, and that is not gone.
    UnfinishedClosing(ContactId, ConversationId),
    /// A membership that a newer message should have moved up.
    LostMove(ContactId, ConversationId),
    /// A message whose conversation is gone.
    MessageWithoutConversation(MessageId),
    /// A pair whose conversation is gone, or is not that of the pair.
    PairWithoutConversation {
        /// The id of the pair.
        pair: String,
        /// Which conversation it says it has.
        conversation: ConversationId,
    },
    /// A conversation of a pair that does not say so.
    ConversationWithoutPair {
        /// The id of the pair.
        pair: String,
        /// Which conversation says it is that of the pair.
        conversation: ConversationId,
    },
    /// A username that is taken for a contact who is gone, or is called otherwise.
    UsernameOfNobody {
        /// The username in lower case.
        username: String,
        /// For whom it is taken.
        contact: ContactId,
        /// What that contact is called, if it exists.
        otherwise: Option<String>,
    },
    /// A contact whose username is not taken, or is taken for another.
    ContactWithoutUsername {
        /// The contact.
        contact: ContactId,
        /// What it is called.
        username: String,
    },
    /// A token that lets its contact in, and is not in its list.
    UnlistedToken(Token),
    /// A token that is in its contact's list, and lets nobody in.
    LostToken(Token),
    /// A token of a contact that is gone.
    TokenOfNobody(Token),
}

/// What a token is known by.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Token {
    pub(super) contact: ContactId,
    pub(super) id: TokenId,
    pub(super) hash: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EntryWithoutMessage(contact, message)
            | Self::EntryOfStranger(contact, message) => write!(f, "{contact} {message}"),
            Self::MembershipWithoutPart(contact, conversation)
            | Self::PartWithoutMembership(contact, conversation)
            | Self::UnfinishedLeaving(contact, conversation)
            | Self::UnfinishedClosing(contact, conversation)
            | Self::LostMove(contact, conversation) => write!(f, "{contact} {conversation}"),
            Self::MessageWithoutConversation(message) => write!(f, "{message}"),
            Self::PairWithoutConversation { pair, conversation }
            | Self::ConversationWithoutPair { pair, conversation } => {
                write!(f, "{pair} {conversation}")
            }
            Self::UsernameOfNobody {
                username, contact, ..
            }
            | Self::ContactWithoutUsername { contact, username } => {
                write!(f, "{contact} {username}")
            }
            // Never its hash: whoever sees the output need not know it.
            Self::UnlistedToken(Token { contact, id, .. })
            | Self::LostToken(Token { contact, id, .. })
            | Self::TokenOfNobody(Token { contact, id, .. }) => write!(f, "{contact} {id}"),
        }
    }
}
