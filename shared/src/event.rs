//! Events: what has changed for a contact, in the order in which its feed got to know it.
//!
//! An event shows an object as it is when the feed is read, so that a client can apply an event twice, or after a later
//! one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base62;
use crate::conversation::Conversation;
use crate::id::{ContactId, ConversationId, MessageId};
use crate::message::Message;

/// What has changed.
#[derive(Debug, Serialize)]
pub struct Event {
    /// What the client should do.
    pub r#type: EventType,
    /// The message, in an event of a message.
    pub message_id: Option<MessageId>,
    /// The conversation, or that of the message. None in a [`EventType::Resync`] of everything.
    pub conversation_id: Option<ConversationId>,
    /// The message as it is now, unless it does not exist for the contact any more.
    pub message: Option<Message>,
    /// The conversation as it is now, in an event of a conversation, unless the contact has left it.
    pub conversation: Option<Conversation>,
}

impl Event {
    /// An event without content.
    #[must_use]
    pub fn new(r#type: EventType) -> Self {
        Self {
            r#type,
            message_id: None,
            conversation_id: None,
            message: None,
            conversation: None,
        }
    }
}

/// What a client should do.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum EventType {
    /// Show the message, which has been sent.
    MessageCreated,
    /// Show the message, which has been edited, reacted to, or otherwise changed.
    MessageUpdated,
    /// Remove the message.
    MessageDeleted,
    /// Show the conversation, in which the contact participates now, and load its messages.
    ConversationCreated,
    /// Show the conversation, which has changed, and load its messages if it was not known.
    ConversationUpdated,
    /// Remove the conversation and its messages: the contact does not participate any more.
    ConversationDeleted,
    /// Load everything again; or one conversation with its messages, if it is named.
    Resync,
    /// Nothing: the owner of a webhook tests it. Never in a feed.
    WebhookTest,
}

impl EventType {
    const ALL: [Self; 8] = [
        Self::MessageCreated,
        Self::MessageUpdated,
        Self::MessageDeleted,
        Self::ConversationCreated,
        Self::ConversationUpdated,
        Self::ConversationDeleted,
        Self::Resync,
        Self::WebhookTest,
    ];
}

/// Its name in requests and responses.
impl From<EventType> for &'static str {
    fn from(r#type: EventType) -> Self {
        match r#type {
            EventType::MessageCreated => "message.created",
            EventType::MessageUpdated => "message.updated",
            EventType::MessageDeleted => "message.deleted",
            EventType::ConversationCreated => "conversation.created",
            EventType::ConversationUpdated => "conversation.updated",
            EventType::ConversationDeleted => "conversation.deleted",
            EventType::Resync => "resync",
            EventType::WebhookTest => "webhook.test",
        }
    }
}

/// The text is not a type of events.
#[derive(Debug, thiserror::Error)]
#[error("must be a type of events, such as message.created")]
pub struct InvalidEventType;

impl TryFrom<String> for EventType {
    type Error = InvalidEventType;

    fn try_from(text: String) -> Result<Self, InvalidEventType> {
        let mut types = Self::ALL.into_iter();
        types
            .find(|&r#type| <&str>::from(r#type) == text)
            .ok_or(InvalidEventType)
    }
}

/// Some events, oldest first.
#[derive(Debug, Serialize)]
pub struct EventPage {
    /// Whether there are more events now.
    pub has_more: bool,
    /// Where the next page starts.
    pub cursor: FeedCursor,
    /// The events.
    pub data: Vec<Event>,
}

/// A position in a contact's feed: after so many entries of a segment.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// The segment.
    pub segment: u64,
    /// How many of its entries are before the position.
    pub index: usize,
}

/// Which feeds the cursors of a deployment belong to. The operator raises it when feeds have lost entries: then all
/// cursors have expired.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct FeedEpoch(u64);

impl FeedEpoch {
    /// The largest one: two digits of a cursor.
    pub const MAX: u64 = 62 * 62 - 1;
}

/// The text is not a [`FeedEpoch`].
#[derive(Debug, thiserror::Error)]
#[error("must be 0 to {}", FeedEpoch::MAX)]
pub struct InvalidFeedEpoch;

impl FromStr for FeedEpoch {
    type Err = InvalidFeedEpoch;

    fn from_str(text: &str) -> Result<Self, InvalidFeedEpoch> {
        let number = text.parse().map_err(|_| InvalidFeedEpoch)?;
        Some(Self(number))
            .filter(|epoch| epoch.0 <= Self::MAX)
            .ok_or(InvalidFeedEpoch)
    }
}

/// A cursor of `GET /v1/events`: 25 characters of `0-9A-Za-z`. Cursors of a contact sort as text.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct FeedCursor {
    /// Whose feed it is.
    pub contact: ContactId,
    /// Of which deployment.
    pub epoch: FeedEpoch,
    /// Where in the feed.
    pub position: Position,
}

/// The widths of the parts of a cursor. Segments are numbered from the Unix time on; six digits are enough for 50
/// billion.
const CONTACT: usize = 16;
const EPOCH: usize = 2;
const SEGMENT: usize = 6;
const INDEX: usize = 1;

/// The text is not a cursor.
#[derive(Debug, thiserror::Error)]
#[error("must be the cursor of an earlier response: 25 characters of 0-9A-Za-z")]
pub struct InvalidFeedCursor;

impl fmt::Display for FeedCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epoch = base62::encode::<EPOCH>(self.epoch.0);
        let segment = base62::encode::<SEGMENT>(self.position.segment);
        let index = base62::encode::<INDEX>(self.position.index as u64);
        write!(f, "{}{epoch}{segment}{index}", self.contact)
    }
}

impl From<FeedCursor> for String {
    fn from(cursor: FeedCursor) -> Self {
        cursor.to_string()
    }
}

impl TryFrom<String> for FeedCursor {
    type Error = InvalidFeedCursor;

    fn try_from(text: String) -> Result<Self, InvalidFeedCursor> {
        let parse = || {
            let (contact, rest) = text.split_at_checked(CONTACT)?;
            let contact = contact.parse().ok()?;
            let (epoch, rest) = rest.split_at_checked(EPOCH)?;
            let (segment, index) = rest.split_at_checked(SEGMENT)?;
            let index = Some(index).filter(|index| index.len() == INDEX)?;
            Some(Self {
                contact,
                epoch: FeedEpoch(base62::decode(epoch.as_bytes())?),
                position: Position {
                    segment: base62::decode(segment.as_bytes())?,
                    index: usize::try_from(base62::decode(index.as_bytes())?).ok()?,
                },
            })
        };
        parse().ok_or(InvalidFeedCursor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursor(contact: ContactId) -> impl Strategy<Value = FeedCursor> {
        (0..=FeedEpoch::MAX, 0..62_u64.pow(6), 0..62_usize).prop_map(
            move |(epoch, segment, index)| FeedCursor {
                contact,
                epoch: FeedEpoch(epoch),
                position: Position { segment, index },
            },
        )
    }

    proptest! {
        #[test]
        fn a_cursor_is_parsed_from_its_text(cursor in cursor(ContactId::random())) {
            let text = cursor.to_string();
            prop_assert_eq!(text.len(), 25);
            prop_assert_eq!(FeedCursor::try_from(text).unwrap(), cursor);
        }

        #[test]
        fn cursors_of_a_contact_sort_as_text(
            (a, b) in Just(ContactId::random()).prop_flat_map(|id| (cursor(id), cursor(id)))
        ) {
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        }

        #[test]
        fn any_text_is_a_cursor_or_rejected(text in ".{0,40}") {
            if let Ok(cursor) = FeedCursor::try_from(text.clone()) {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }

    #[test]
    fn an_epoch_has_two_digits_in_a_cursor() {
        assert_eq!(
            "3843".parse::<FeedEpoch>().unwrap(),
            FeedEpoch(FeedEpoch::MAX)
        );
        assert!("3844".parse::<FeedEpoch>().is_err());
        assert!("-1".parse::<FeedEpoch>().is_err());
    }
}
