//! A conversation: who takes part, and what one of them sees of it.

use serde::{Deserialize, Serialize};

use crate::contact::{Contact, Mention};
use crate::id::ConversationId;
use crate::message::Message;
use crate::time::Seconds;

/// A conversation has at most this many participants, so that a send is one transaction.
pub const MAX_PARTICIPANTS: usize = 90;

/// Unread messages are counted up to here.
pub const MAX_UNREAD: usize = 100;

/// The longest name, in characters.
const MAX_NAME: usize = 100;

/// A conversation, as one of its participants sees it.
#[derive(Debug, Serialize)]
pub struct Conversation {
    /// Names the conversation.
    pub id: ConversationId,
    /// What it is about; a conversation need not have a name.
    pub name: Option<String>,
    /// All who take part, by their ids.
    pub contacts: Vec<Contact>,
    /// The participant wants to see it first.
    pub is_pinned: bool,
    /// The participant wants no notice of new messages.
    pub is_muted: bool,
    /// Of the 100 messages after the last that the participant sent or marked as read, those of others.
    pub unread_count: usize,
    /// The newest message.
    pub last_message: Option<Message>,
    /// When it began or, later, when the participant came or the last message was sent.
    pub last_active_at: Seconds,
    /// When the participant last marked messages as read.
    pub last_opened_at: Option<Seconds>,
    /// When the participant put it aside; the next message brings it back.
    pub archived_at: Option<Seconds>,
    /// When it began.
    pub created_at: Seconds,
}

/// Those whom somebody wants in a conversation: 1 to [`MAX_PARTICIPANTS`] usernames or ids.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Vec<Mention>")]
pub struct Participants(Vec<Mention>);

impl Participants {
    /// As they were mentioned.
    #[must_use]
    pub fn as_slice(&self) -> &[Mention] {
        &self.0
    }
}

/// Why a list does not say who shall take part.
#[derive(Debug, thiserror::Error)]
#[error("must be 1 to {MAX_PARTICIPANTS} usernames or ids of contacts")]
pub struct InvalidParticipants;

impl TryFrom<Vec<Mention>> for Participants {
    type Error = InvalidParticipants;

    fn try_from(mentions: Vec<Mention>) -> Result<Self, InvalidParticipants> {
        if (1..=MAX_PARTICIPANTS).contains(&mentions.len()) {
            Ok(Self(mentions))
        } else {
            Err(InvalidParticipants)
        }
    }
}

/// The name of a conversation: 1 to 100 characters, not only white space, none of them control characters.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct Name(String);

/// Why a text is not a name.
#[derive(Debug, thiserror::Error)]
#[error("must be a name: 1 to {MAX_NAME} characters, not only white space, no control characters")]
pub struct InvalidName;

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let is_long = text.chars().nth(MAX_NAME).is_some();
        if is_long || text.trim().is_empty() || text.contains(char::is_control) {
            Err(InvalidName)
        } else {
            Ok(Self(text))
        }
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_100_characters_that_say_something() {
        for (text, is_name) in [
            ("Family", true),
            (" ü ", true),
            (&"é".repeat(100), true),
            ("", false),
            ("\u{3000}", false),
            ("two\nlines", false),
            (&"a".repeat(101), false),
        ] {
            assert_eq!(Name::try_from(text.to_owned()).is_ok(), is_name, "{text:?}");
        }
    }
}
