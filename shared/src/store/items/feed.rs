//! The table of feeds: a contact's feed is a chain of segments with a few entries each.
//!
//! An entry is appended to the newest segment until that is full, then to a new one. A full segment never changes, so
//! a reader that has read a segment full can go on to the next one and misses nothing. DynamoDB gives an entry its
//! position in the write that makes it visible, so no entry is ever inserted before the cursor of a reader.

#[cfg(test)]
mod protocol;

use serde::{Deserialize, Serialize};

use crate::event::{EventType, Position};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::dynamodb::item::{Item, number_attr, string_attr};
use crate::time::Seconds;

/// How many entries make a segment full. It has at most twice as many, less one, since they are appended
/// [`MAX_APPENDED`] at a time. It must never change: readers would go on from segments that get more entries.
pub const FULL: usize = 16;

/// How many entries are appended at once: a segment is then at most 1 KB, which is one write unit.
pub const MAX_APPENDED: usize = 16;

#[derive(Debug, Deserialize, Serialize)]
pub struct Segment {
    pub contact_id: ContactId,
    /// One more than that of the segment before. The first one is the Unix time at which the feed was created, so that
    /// a feed which is created again does not take cursors of the one before.
    #[serde(rename = "segment_number")]
    pub number: u64,
    pub entries: Vec<Entry>,
    /// Once it is not the newest one any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Seconds>,
}

impl Segment {
    pub fn is_full(&self) -> bool {
        self.entries.len() >= FULL
    }

    /// Whether its time to live has ended. It may be deleted days later, and after newer ones.
    pub fn has_expired(&self, now: Seconds) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// The position after its last entry.
    pub fn end(&self) -> Position {
        Position {
            segment: self.number,
            index: self.entries.len(),
        }
    }
}

/// What to look at again.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(from = "String", into = "String")]
pub enum Entry {
    /// A message that has been sent.
    MessageCreated(MessageId),
    /// A message that has been changed or deleted.
    MessageUpdated(MessageId),
    /// A conversation in which the contact has become a participant.
    ConversationCreated(ConversationId),
    /// A conversation that has been changed, or in which the contact does not participate any more.
    ConversationUpdated(ConversationId),
    /// A conversation of which many messages have been changed.
    ManyMessagesUpdated(ConversationId),
    /// Everything. Also how an entry reads that a later version of this code has written.
    Resync,
}

/// What an entry points to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Target {
    Message(MessageId),
    Conversation(ConversationId),
    AllMessagesOf(ConversationId),
    Everything,
}

impl Entry {
    pub fn target(self) -> Target {
        match self {
            Self::MessageCreated(id) | Self::MessageUpdated(id) => Target::Message(id),
            Self::ConversationCreated(id) | Self::ConversationUpdated(id) => {
                Target::Conversation(id)
            }
            Self::ManyMessagesUpdated(id) => Target::AllMessagesOf(id),
            Self::Resync => Target::Everything,
        }
    }

    /// A text for its target, which differs from that of any other.
    pub fn target_id(self) -> String {
        match self.target() {
            Target::Message(id) => id.to_string(),
            Target::Conversation(id) => id.to_string(),
            Target::AllMessagesOf(id) => format!("messages of {id}"),
            Target::Everything => String::new(),
        }
    }

    /// The type of its event, if the contact can still see the target.
    pub fn event_type(self) -> EventType {
        match self {
            Self::MessageCreated(_) => EventType::MessageCreated,
            Self::MessageUpdated(_) => EventType::MessageUpdated,
            Self::ConversationCreated(_) => EventType::ConversationCreated,
            Self::ConversationUpdated(_) => EventType::ConversationUpdated,
            Self::ManyMessagesUpdated(_) | Self::Resync => EventType::Resync,
        }
    }

    /// The type of its event otherwise.
    pub fn event_type_without_target(self) -> EventType {
        match self.target() {
            Target::Message(_) => EventType::MessageDeleted,
            Target::Conversation(_) => EventType::ConversationDeleted,
            Target::AllMessagesOf(_) | Target::Everything => EventType::Resync,
        }
    }

    /// Whether its target is new for the contact.
    pub fn is_new(self) -> bool {
        matches!(self, Self::MessageCreated(_) | Self::ConversationCreated(_))
    }
}

impl From<Entry> for String {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::MessageCreated(id) => format!("n{id}"),
            Entry::MessageUpdated(id) => format!("u{id}"),
            Entry::ConversationCreated(id) => format!("c{id}"),
            Entry::ConversationUpdated(id) => format!("v{id}"),
            Entry::ManyMessagesUpdated(id) => format!("m{id}"),
            Entry::Resync => "r".to_owned(),
        }
    }
}

impl From<String> for Entry {
    fn from(text: String) -> Self {
        let parse = || {
            let (kind, id) = text.split_at_checked(1)?;
            Some(match kind {
                "n" => Self::MessageCreated(id.parse().ok()?),
                "u" => Self::MessageUpdated(id.parse().ok()?),
                "c" => Self::ConversationCreated(id.parse().ok()?),
                "v" => Self::ConversationUpdated(id.parse().ok()?),
                "m" => Self::ManyMessagesUpdated(id.parse().ok()?),
                _ => return None,
            })
        };
        parse().unwrap_or(Self::Resync)
    }
}

/// Some entries of a feed, in their order.
pub struct Entries {
    /// Each with the position before it.
    pub list: Vec<(Position, Entry)>,
    /// After the last one.
    pub end: Position,
    /// Whether there are more.
    pub has_more: bool,
}

/// At most `limit` entries after a position, from the segments that follow each other from there on. None if the
/// feed does not have the position (any more).
///
/// Segments are read one after the other, not at one moment. One that is not full ends the entries, although the next
/// one may exist by now: more may have been appended to the first one meanwhile.
pub fn entries_after(from: Position, segments: Vec<Segment>, limit: usize) -> Option<Entries> {
    let mut segments = segments.into_iter();
    let mut segment = segments
        .next()
        .filter(|first| first.number == from.segment && from.index <= first.entries.len())?;
    let mut read = Entries {
        list: Vec::new(),
        end: from,
        has_more: false,
    };
    loop {
        for &entry in segment.entries.iter().skip(read.end.index) {
            if read.list.len() == limit {
                read.has_more = true;
                return Some(read);
            }
            read.list.push((read.end, entry));
            read.end.index += 1;
        }
        let number = segment.number + 1;
        segment = match segments.next().filter(|_| segment.is_full()) {
            Some(next) if next.number == number => next,
            // The one between has expired.
            Some(_) => return None,
            None => return Some(read),
        };
        read.end = Position {
            segment: number,
            index: 0,
        };
    }
}

/// The key of a segment.
pub fn key(contact: ContactId, segment: u64) -> Item {
    Item::from([
        ("contact_id".to_owned(), string_attr(contact)),
        ("segment_number".to_owned(), number_attr(segment)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Micros;

    fn segment(number: u64, count: usize) -> Segment {
        let conversation = ConversationId::random();
        let entries = (0..count as u64).map(|index| {
            let moment = Micros(number * 100 + index);
            Entry::MessageCreated(MessageId::new(moment, conversation))
        });
        Segment {
            contact_id: ContactId::random(),
            number,
            entries: entries.collect(),
            expires_at: None,
        }
    }

    /// The entries from a position on, as `segment * 100 + index`.
    fn read(
        from: (u64, usize),
        segments: &[(u64, usize)],
        limit: usize,
    ) -> Option<(Vec<u64>, Position, bool)> {
        let segments = segments
            .iter()
            .map(|&(number, count)| segment(number, count));
        let from = Position {
            segment: from.0,
            index: from.1,
        };
        let read = entries_after(from, segments.collect(), limit)?;
        let entries = read.list.into_iter();
        let entries = entries.filter_map(|(_, entry)| match entry.target() {
            Target::Message(id) => Some(id.created_at().0),
            _ => None,
        });
        Some((entries.collect(), read.end, read.has_more))
    }

    #[test]
    fn a_reader_goes_on_from_a_full_segment_only() {
        let end = |segment, index| Position { segment, index };
        let (entries, at, has_more) = read((1, 15), &[(1, 16), (2, 1)], 100).unwrap();
        assert_eq!((entries, at, has_more), (vec![115, 200], end(2, 1), false));
        // Segment 2 was created while segment 1 was being read: it will be full when it is read again.
        let (entries, at, has_more) = read((1, 14), &[(1, 15), (2, 1)], 100).unwrap();
        assert_eq!((entries, at, has_more), (vec![114], end(1, 15), false));
    }

    #[test]
    fn a_page_ends_at_its_limit() {
        let end = |segment, index| Position { segment, index };
        let (entries, at, has_more) = read((1, 14), &[(1, 16), (2, 1)], 2).unwrap();
        assert_eq!((entries, at, has_more), (vec![114, 115], end(2, 0), true));
        let (entries, at, has_more) = read((1, 14), &[(1, 16)], 2).unwrap();
        assert_eq!((entries, at, has_more), (vec![114, 115], end(1, 16), false));
        let (entries, at, has_more) = read((1, 16), &[(1, 16), (2, 0)], 2).unwrap();
        assert_eq!((entries, at, has_more), (vec![], end(2, 0), false));
    }

    #[test]
    fn a_position_that_the_feed_lacks_is_noticed() {
        assert!(read((1, 0), &[], 100).is_none());
        assert!(read((1, 0), &[(2, 3)], 100).is_none());
        assert!(read((2, 4), &[(2, 3)], 100).is_none());
        assert!(read((1, 16), &[(1, 16), (3, 3)], 100).is_none());
        assert!(read((1, 15), &[(1, 15), (3, 3)], 100).is_some());
        assert!(read((2, 3), &[(2, 3)], 100).is_some());
    }

    #[test]
    fn an_entry_is_read_as_it_was_written_and_an_unknown_one_means_everything() {
        let conversation = ConversationId::random();
        let id = MessageId::new(Micros(7), conversation);
        for entry in [
            Entry::MessageCreated(id),
            Entry::MessageUpdated(id),
            Entry::ConversationCreated(conversation),
            Entry::ConversationUpdated(conversation),
            Entry::ManyMessagesUpdated(conversation),
            Entry::Resync,
        ] {
            assert_eq!(Entry::from(String::from(entry)), entry);
        }
        for unknown in ["", "n", "é", "x123", "n123", "c123"] {
            assert_eq!(Entry::from(unknown.to_owned()), Entry::Resync);
        }
    }
}
