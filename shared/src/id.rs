//! Ids. Contacts and conversations have 16 random characters of `0-9A-Za-z`, tokens the same but beginning
//! with the time; the ids of messages and attachments are their keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base62::{self, ALPHABET};
use crate::time::Micros;

/// The length of a random id (95 bits).
const RANDOM_LEN: usize = 16;

/// The length of the zero-padded microseconds in a message id.
const MICROS_LEN: usize = 9;

/// The text is not an id.
#[derive(Debug, thiserror::Error)]
#[error("must be an id: {expected} characters of 0-9A-Za-z")]
pub struct InvalidId {
    expected: usize,
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; RANDOM_LEN]);

        impl $name {
            /// A new id that cannot be guessed.
            #[must_use]
            pub fn random() -> Self {
                Self(random())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|&byte| write!(f, "{}", char::from(byte)))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

random_id! {
    /// The id of a contact.
    ContactId
}

impl ContactId {
    /// The operator, as the owner of webhooks. No contact has this id.
    pub(crate) const OPERATOR: Self = Self([b'0'; RANDOM_LEN]);
}

random_id! {
    /// The id of a conversation.
    ConversationId
}

random_id! {
    /// The id of a token, which is not its secret. Ids sort by the time of creation.
    TokenId
}

random_id! {
    /// The id of a report. Ids sort by the time of the report.
    ReportId
}

random_id! {
    /// The id of an entry of the audit trail. Ids sort by time.
    AuditEntryId
}

random_id! {
    /// The id of a webhook. Ids sort by the time of creation.
    WebhookId
}

impl WebhookId {
    /// The id of a webhook created at this moment: the time, then 41 random bits.
    #[must_use]
    pub fn new(created_at: Micros) -> Self {
        Self(random_since(created_at))
    }
}

impl AuditEntryId {
    /// The id of an entry written at this moment: the time, then 41 random bits.
    #[must_use]
    pub fn new(created_at: Micros) -> Self {
        Self(random_since(created_at))
    }
}

impl TokenId {
    /// The id of a token issued at this moment: the time, then 41 random bits.
    #[must_use]
    pub fn new(issued_at: Micros) -> Self {
        Self(random_since(issued_at))
    }

    /// When the token was issued.
    #[must_use]
    pub fn issued_at(&self) -> Micros {
        Micros(base62::decode(&self.0[..MICROS_LEN]).unwrap_or_default())
    }
}

impl ReportId {
    /// The id of a report made at this moment: the time, then 41 random bits.
    #[must_use]
    pub fn new(created_at: Micros) -> Self {
        Self(random_since(created_at))
    }
}

/// Random characters, of which the first are the time.
fn random_since(moment: Micros) -> [u8; RANDOM_LEN] {
    let mut id = random();
    id[..MICROS_LEN].copy_from_slice(MessageId::prefix(moment).as_bytes());
    id
}

macro_rules! key_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name {
            created_at: u64,
            conversation: ConversationId,
        }

        impl $name {
            /// The id of what was created in `conversation` at `created_at`.
            #[must_use]
            pub fn new(created_at: Micros, conversation: ConversationId) -> Self {
                Self {
                    created_at: created_at.0.min(Micros::MAX.0),
                    conversation,
                }
            }

            /// When it was created: its sort key.
            #[must_use]
            pub fn created_at(&self) -> Micros {
                Micros(self.created_at)
            }

            /// The conversation it belongs to: its partition key.
            #[must_use]
            pub fn conversation(&self) -> ConversationId {
                self.conversation
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = InvalidId {
                    expected: MICROS_LEN + RANDOM_LEN,
                };
                let Some((time, conversation)) = text.split_at_checked(MICROS_LEN) else {
                    return Err(invalid);
                };
                let Ok(conversation) = conversation.parse() else {
                    return Err(invalid);
                };
                match base62::decode(time.as_bytes()) {
                    Some(created_at) => Ok(Self {
                        created_at,
                        conversation,
                    }),
                    None => Err(invalid),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let moment = MessageId::prefix(self.created_at());
                write!(f, "{moment}{}", self.conversation)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

key_id! {
    /// The id of a message, which is its key: the time, then the conversation.
    ///
    /// Ids sort by time, so an id is a cursor, which stays valid after the message is deleted.
    MessageId
}

key_id! {
    /// The id of an attachment, which is its key: the time, then the conversation.
    AttachmentId
}

impl MessageId {
    /// A text that sorts before all ids of this moment or later, and after all earlier ids.
    #[must_use]
    pub fn prefix(moment: Micros) -> String {
        base62::encode::<MICROS_LEN>(moment.0.min(Micros::MAX.0))
    }

    /// The moment of a [`MessageId::prefix`].
    #[must_use]
    pub fn moment(prefix: &str) -> Option<Micros> {
        let digits: [u8; MICROS_LEN] = prefix.as_bytes().try_into().ok()?;
        base62::decode(&digits).map(Micros)
    }
}

fn parse(text: &str) -> Result<[u8; RANDOM_LEN], InvalidId> {
    match text.as_bytes().try_into() {
        Ok(bytes) if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => Ok(bytes),
        _ => Err(InvalidId {
            expected: RANDOM_LEN,
        }),
    }
}

/// Uniform over the alphabet: bytes above its largest multiple are rejected.
fn random() -> [u8; RANDOM_LEN] {
    let mut id = [0; RANDOM_LEN];
    let mut filled = 0;
    while filled < RANDOM_LEN {
        let mut bytes = [0; RANDOM_LEN];
        getrandom::fill(&mut bytes).expect("the operating system has random bytes");
        for byte in bytes
            .into_iter()
            .filter(|&byte| byte < 248)
            .take(RANDOM_LEN - filled)
        {
            id[filled] = ALPHABET[usize::from(byte % 62)];
            filled += 1;
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message_id() -> impl Strategy<Value = MessageId> {
        (0..=Micros::MAX.0, "[0-9A-Za-z]{16}")
            .prop_map(|(micros, text)| MessageId::new(Micros(micros), text.parse().unwrap()))
    }

    proptest! {
        #[test]
        fn a_message_id_is_parsed_from_its_text(id in message_id()) {
            let text = id.to_string();
            prop_assert_eq!(text.len(), 25);
            prop_assert_eq!(text.parse::<MessageId>().unwrap(), id);
        }

        #[test]
        fn message_ids_sort_as_text_by_time_and_then_by_conversation(a in message_id(), b in message_id()) {
            let by_parts = (a.created_at(), a.conversation()).cmp(&(b.created_at(), b.conversation()));
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), by_parts);
            prop_assert_eq!(a.cmp(&b), by_parts);
        }

        #[test]
        fn a_prefix_separates_earlier_ids_from_later_ones(id in message_id(), moment in 0..=Micros::MAX.0) {
            let later = id.created_at() >= Micros(moment);
            prop_assert_eq!(id.to_string() > MessageId::prefix(Micros(moment)), later);
        }

        #[test]
        fn any_text_is_an_id_or_rejected(text in ".{0,40}") {
            if let Ok(id) = text.parse::<MessageId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn random_ids_are_distinct_and_use_the_whole_alphabet() {
        let ids: std::collections::BTreeSet<_> = (0..1000).map(|_| ContactId::random()).collect();
        assert_eq!(ids.len(), 1000);
        let used: std::collections::BTreeSet<_> = ids.iter().flat_map(|id| id.0).collect();
        assert_eq!(used.into_iter().collect::<Vec<_>>(), ALPHABET);
    }
}
