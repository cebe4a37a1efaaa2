//! A message, its text and its reactions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};
use unicode_properties::UnicodeEmoji;
use unicode_segmentation::UnicodeSegmentation;

use crate::attachment::Attachment;
use crate::characters::is_invisible;
use crate::contact::Contact;
use crate::id::{ConversationId, MessageId};
use crate::metadata::Metadata;
use crate::time::Seconds;
use crate::version::Version;

/// A message as clients see it. Every key is always present.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The conversation that it was sent to.
    pub conversation_id: ConversationId,
    /// The sender with its current profile.
    pub contact: Contact,
    /// Whether the sender sent it, or the operator's server on its behalf.
    pub sent_by: SentBy,
    /// The text; empty if it was sent with attachments only.
    pub message: String,
    /// The reactions.
    pub reactions: Reactions,
    /// The message that it replies to; none if it replies to none, or to one that has been deleted.
    pub reply_to: Option<Quote>,
    /// The attachments, in the order in which they were sent.
    pub attachments: Vec<Attachment>,
    /// What the sender's application stored with it.
    pub metadata: Metadata,
    /// Whether it is pinned in its conversation, for all participants.
    pub is_pinned: bool,
    /// When a participant other than the sender first read it.
    pub read_at: Option<Seconds>,
    /// When it was sent.
    pub created_at: Seconds,
    /// When its text was last edited.
    pub edited_at: Option<Seconds>,
    /// When it was last changed.
    pub updated_at: Option<Seconds>,
    /// Its version, which is part of its `ETag`.
    #[serde(skip)]
    pub version: Version,
}

/// A recorded edit of a message.
#[derive(Debug, Serialize)]
pub struct Edit {
    /// The text until then.
    pub message: String,
    /// When it was edited.
    pub edited_at: Seconds,
}

/// The most edits of a message that are kept: all of them, with the longest texts, fit into one response.
pub const MAX_EDITS: u64 = 20;

/// What a reply shows of the message that it replies to.
#[derive(Clone, Debug, Serialize)]
pub struct Quote {
    /// The id of that message.
    pub id: MessageId,
    /// Its sender with its current profile.
    pub contact: Contact,
    /// The first [`MAX_EXCERPT`] characters of its text.
    pub message: String,
}

/// How much of the text of a message a reply shows, in characters.
pub const MAX_EXCERPT: usize = 100;

/// Who sent a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SentBy {
    /// The contact, with a token.
    Contact,
    /// The operator's server, with a server key, on behalf of the contact.
    Key,
}

/// The most different emoji on a message, so that its item stays far below DynamoDB's limit of 400 KB.
///
/// Checked before the update: concurrent requests may exceed it slightly.
pub const MAX_EMOJI: usize = 50;

/// The most pinned messages of a conversation.
pub const MAX_PINNED: usize = 50;

/// The text of a message: 1 byte to 32 KiB of UTF-8, as it was sent, with at least one visible character.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct Text(String);

impl Text {
    /// The longest text, in bytes.
    pub const MAX_LEN: usize = 32 * 1024;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not valid.
#[derive(Debug, thiserror::Error)]
pub enum InvalidText {
    /// Nobody would see it.
    #[error("must not be empty, or only white space or invisible characters")]
    Invisible,
    /// It is longer than [`Text::MAX_LEN`].
    #[error("must be at most {max} bytes of UTF-8, was {len}", max = Text::MAX_LEN)]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
}

impl TryFrom<String> for Text {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, InvalidText> {
        if text.len() > Self::MAX_LEN {
            Err(InvalidText::TooLong { len: text.len() })
        } else if is_invisible(&text) {
            Err(InvalidText::Invisible)
        } else {
            Ok(Self(text))
        }
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

/// The usernames by emoji, both sorted; serialized as `[{"heart": ["ann", "bob"]}]`.
#[derive(Clone, Debug, Default)]
pub struct Reactions(pub BTreeMap<String, BTreeSet<String>>);

impl Serialize for Reactions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for (emoji, usernames) in &self.0 {
            list.serialize_element(&BTreeMap::from([(emoji, usernames)]))?;
        }
        list.end()
    }
}

/// An emoji: a short name (`[a-z0-9_+-]`) or one Unicode emoji, 1 to 64 bytes.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(try_from = "String")]
pub struct Emoji(String);

/// The text is not an emoji.
#[derive(Debug, thiserror::Error)]
#[error("must be an emoji: a short name of 1 to 64 characters of a-z0-9_+-, or one Unicode emoji")]
pub struct InvalidEmoji;

impl Emoji {
    /// The emoji as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Emoji {
    type Error = InvalidEmoji;

    fn try_from(text: String) -> Result<Self, InvalidEmoji> {
        let short =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_+-".contains(&byte);
        let short_name = text.bytes().all(short);
        if (1..=64).contains(&text.len()) && (short_name || is_unicode_emoji(&text)) {
            Ok(Self(text))
        } else {
            Err(InvalidEmoji)
        }
    }
}

impl fmt::Display for Emoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the text is one grapheme that begins with an emoji character; an ASCII one (`#`, `1`) only as a
/// keycap.
///
/// It follows the structure in UTS #51 rather than a list, so that future emoji are accepted.
fn is_unicode_emoji(text: &str) -> bool {
    const KEYCAP: char = '\u{20E3}';
    let one = text.graphemes(true).count() == 1;
    let first = text.chars().next().filter(|char| char.is_emoji_char());
    one && first.is_some_and(|first| !first.is_ascii() || text.ends_with(KEYCAP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_and_unicode_emoji_are_emoji() {
        for emoji in [
            "red_angry_face",
            "+1",
            "100",
            "👍",
            "👍🏽",
            "❤️",
            "❤",
            "👩‍👩‍👧‍👦",
            "🇩🇪",
            "1️⃣",
            "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        ] {
            assert!(Emoji::try_from(emoji.to_owned()).is_ok(), "{emoji}");
        }
    }

    #[test]
    fn other_texts_are_not_emoji() {
        let long = "a".repeat(65);
        for text in [
            "", " ", "Heart", "a b", "👍👍", "👍a", "é", "漢", "#", "\u{200D}", "\u{FE0F}", "\0",
            &long,
        ] {
            assert!(Emoji::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_text_has_1_byte_to_32_kib_and_a_visible_character() {
        for good in [
            "a",
            " a ",
            "\0a",
            "e\u{301}\u{202E}",
            &"a".repeat(32 * 1024),
        ] {
            assert!(
                Text::try_from(good.to_owned()).is_ok(),
                "{} bytes",
                good.len()
            );
        }
        for bad in [
            "",
            " ",
            "\u{3000}\n",
            "\0",
            "\u{200B}",
            &"a".repeat(32 * 1024 + 1),
            &"é".repeat(16 * 1024 + 1),
        ] {
            assert!(
                Text::try_from(bad.to_owned()).is_err(),
                "{} bytes",
                bad.len()
            );
        }
    }
}
