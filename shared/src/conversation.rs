//! A conversation, as one of its participants sees it.

use serde::{Deserialize, Serialize};

use crate::characters::{InvalidLine, parse_line};
use crate::contact::{Contact, Mention};
use crate::id::ConversationId;
use crate::message::Message;
use crate::metadata::Metadata;
use crate::time::Seconds;

/// The most participants of a conversation. A send writes to each participant's inbox in one transaction,
/// which is limited to 100 items.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub const MAX_PARTICIPANTS: usize = 90;

/// The most messages that are examined for the unread count.
pub const MAX_UNREAD: usize = 100;

/// The longest name, in characters.
const MAX_NAME: usize = 100;

/// A conversation, as one of its participants sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What applications stored with it.
    pub metadata: Metadata,
    /// The participants, sorted by id.
    pub contacts: Vec<Contact>,
    /// Whether the participant has not accepted it yet.
    pub is_pending: bool,
    /// Whether the participant has pinned it.
    pub is_pinned: bool,
    /// Whether the participant has muted it.
    pub is_muted: bool,
    /// The number of messages by others among the 100 after the last one that the participant sent or marked
    /// as read.
    pub unread_count: usize,
    /// The newest message.
    pub last_message: Option<Message>,
    /// When it was created, the participant joined or the last message was sent, whichever is latest.
    pub last_active_at: Seconds,
    /// When the participant last marked messages as read.
    pub last_opened_at: Option<Seconds>,
    /// When the participant archived it. The next message unarchives it.
    pub archived_at: Option<Seconds>,
    /// When it was created.
    pub created_at: Seconds,
    /// When the operator closed it to new messages and changes.
    pub closed_at: Option<Seconds>,
}

/// New participants of a conversation: 1 to [`MAX_PARTICIPANTS`] usernames or ids.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Vec<Mention>")]
pub struct Participants(Vec<Mention>);

impl Participants {
    /// The mentions.
    #[must_use]
    pub fn as_slice(&self) -> &[Mention] {
        &self.0
    }
}

/// The list is empty or too long.
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

/// The name of a conversation: 1 to 100 characters in one line, in Unicode NFC and not all invisible.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct Name(String);

impl TryFrom<String> for Name {
    type Error = InvalidLine;

    fn try_from(text: String) -> Result<Self, InvalidLine> {
        parse_line(&text, MAX_NAME).map(Self)
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
    fn a_name_has_1_to_100_characters_in_one_line() {
        for (text, is_name) in [
            ("Family", true),
            (&"é".repeat(100), true),
            (&"e\u{301}".repeat(100), true),
            ("", false),
            ("\u{3000}", false),
            ("two\nlines", false),
            (&"a".repeat(101), false),
        ] {
            assert_eq!(Name::try_from(text.to_owned()).is_ok(), is_name, "{text:?}");
        }
    }
}
