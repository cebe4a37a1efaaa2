//! What participants have marked as read in a conversation: intervals of time, not marks on each message.
//!
//! `read_at` of a message is when somebody other than its author first marked it as read. Two readers per
//! moment are enough to tell: the first who marked it, and the first after that who is another contact. If the
//! first is the author of the message, the second counts.
//!
//! Both ends only advance. What the furthest reader has marked beyond everybody else has a first reader and no
//! second one; all before that has both. So a mark adds at most two intervals: a first one beyond what anybody
//! has marked, and a second one behind it, unless it is by the furthest reader.
//!
//! The recent intervals are in the conversation's item (`read_log`), which every request reads anyway. Older ones
//! are in the table of reads, several to an item.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::dynamodb::item::{Item, string_attr};
use crate::store::items::message::MessageItem;
use crate::time::Micros;

/// The most intervals in a conversation's item: at most 720 bytes.
const MAX_RECENT: usize = 16;

/// How many of a rank stay in the conversation's item when older ones are moved to the table.
const KEPT: usize = 4;

/// The fewest intervals in an item of the table: more than half of the recent ones are moved, except for `KEPT`.
pub const MIN_MOVED: usize = MAX_RECENT / 2 + 1 - KEPT;

/// Whether an interval tells the first reader of its messages, or the first after and other than that one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Rank {
    First,
    Second,
}

impl Rank {
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    fn digit(self) -> char {
        match self {
            Self::First => '1',
            Self::Second => '2',
        }
    }

    fn from_digit(digit: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|rank| digit == rank.digit().to_string())
    }
}

/// The messages from one moment (exclusive) to another (inclusive), marked as read at once.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReadInterval {
    pub rank: Rank,
    pub after: Micros,
    pub up_to: Micros,
    /// When they were marked.
    pub at: Micros,
    /// Who marked them. None in a second interval, where it makes no difference, and if the reader is erased: then
    /// its messages are, too.
    pub reader: Option<ContactId>,
}

/// As text: the rank, then the three moments as in message ids, then the reader.
impl From<ReadInterval> for String {
    fn from(interval: ReadInterval) -> Self {
        let mut text = Self::from(interval.rank.digit());
        for moment in [interval.after, interval.up_to, interval.at] {
            text += &MessageId::prefix(moment);
        }
        text + &interval.reader.map(Self::from).unwrap_or_default()
    }
}

impl TryFrom<String> for ReadInterval {
    type Error = InvalidReadInterval;

    fn try_from(text: String) -> Result<Self, InvalidReadInterval> {
        let parse = || {
            let (rank, rest) = text.split_at_checked(1)?;
            let (after, rest) = split_moment(rest)?;
            let (up_to, rest) = split_moment(rest)?;
            let (at, reader) = split_moment(rest)?;
            Some(Self {
                rank: Rank::from_digit(rank)?,
                after,
                up_to,
                at,
                reader: match reader {
                    "" => None,
                    reader => Some(reader.parse().ok()?),
                },
            })
        };
        parse().ok_or(InvalidReadInterval)
    }
}

/// A text is not an interval.
#[derive(Debug, thiserror::Error)]
#[error("must be 1 or 2, three moments and possibly a contact id")]
pub struct InvalidReadInterval;

fn split_moment(text: &str) -> Option<(Micros, &str)> {
    let (moment, rest) = text.split_at_checked(MessageId::prefix(Micros(0)).len())?;
    Some((MessageId::moment(moment)?, rest))
}

/// Some intervals; of each rank, from one moment on without gaps.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ReadLog(Vec<ReadInterval>);

impl IntoIterator for ReadLog {
    type Item = ReadInterval;
    type IntoIter = std::vec::IntoIter<ReadInterval>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The interval of a message.
enum Found {
    Interval(ReadInterval),
    /// The message was not marked.
    Unread,
    /// The message is older than the intervals of this log, so that the table may have its interval.
    Older,
}

/// The messages whose intervals a log lacks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    pub first: Micros,
    pub last: Micros,
    /// How many they are.
    pub messages: usize,
}

impl ReadLog {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All messages after this moment are unread.
    pub fn end(&self) -> Micros {
        self.end_of(Rank::First)
    }

    fn end_of(&self, rank: Rank) -> Micros {
        let ends = self.of_rank(rank).map(|interval| interval.up_to);
        ends.max().unwrap_or(Micros(0))
    }

    fn of_rank(&self, rank: Rank) -> impl Iterator<Item = &ReadInterval> {
        let intervals = self.0.iter();
        intervals.filter(move |interval| interval.rank == rank)
    }

    /// The log after a reader has marked all messages up to a moment; none if that makes no difference.
    pub fn mark(&self, reader: ContactId, up_to: Micros, at: Micros) -> Option<Self> {
        let (first_end, second_end) = (self.end_of(Rank::First), self.end_of(Rank::Second));
        let furthest = self.of_rank(Rank::First).last();
        let is_furthest = furthest.is_none_or(|first| first.reader == Some(reader));
        let mut marked = self.clone();
        if !is_furthest && up_to.min(first_end) > second_end {
            marked.0.push(ReadInterval {
                rank: Rank::Second,
                after: second_end,
                up_to: up_to.min(first_end),
                at,
                reader: None,
            });
        }
        if up_to > first_end {
            marked.0.push(ReadInterval {
                rank: Rank::First,
                after: first_end,
                up_to,
                at,
                reader: Some(reader),
            });
        }
        (marked != *self).then_some(marked)
    }

    /// If there are too many intervals for the conversation's item, removes and returns the oldest ones of the
    /// more frequent rank. The latest ones of each rank stay, on which [`ReadLog::mark`] depends.
    pub fn take_oldest(&mut self) -> Option<Vec<ReadInterval>> {
        if self.0.len() <= MAX_RECENT {
            return None;
        }
        let count = |rank| self.of_rank(rank).count();
        let rank = if count(Rank::First) > count(Rank::Second) {
            Rank::First
        } else {
            Rank::Second
        };
        let mut surplus = count(rank) - KEPT;
        let is_surplus = |interval: &mut ReadInterval| {
            let takes = interval.rank == rank && surplus > 0;
            surplus -= usize::from(takes);
            takes
        };
        Some(self.0.extract_if(.., is_surplus).collect())
    }

    /// Sets `read_at` and `updated_at` of a message, if it was marked earlier than its item says.
    pub fn apply(&self, message: &mut MessageItem) {
        let at = self.read_at(message.contact_id, message.created_at);
        // The clock of the reader's host may be behind that of the author's.
        let at = at.map(|at| at.max(message.created_at));
        message.read_at = message.read_at.into_iter().chain(at).min();
        message.updated_at = message.updated_at.max(message.read_at);
    }

    /// When somebody other than its author first marked a message.
    fn read_at(&self, author: ContactId, created_at: Micros) -> Option<Micros> {
        let interval = |rank| match self.find(rank, created_at) {
            Found::Interval(interval) => Some(interval),
            Found::Unread | Found::Older => None,
        };
        let first = interval(Rank::First)?;
        let by_other = if first.reader == Some(author) {
            interval(Rank::Second)?
        } else {
            first
        };
        Some(by_other.at)
    }

    fn find(&self, rank: Rank, moment: Micros) -> Found {
        let mut intervals = self.of_rank(rank);
        let found = intervals.find(|interval| interval.after < moment && moment <= interval.up_to);
        let start = self.of_rank(rank).map(|interval| interval.after).min();
        match found {
            Some(&interval) => Found::Interval(interval),
            None if start.is_some_and(|start| moment <= start) => Found::Older,
            None => Found::Unread,
        }
    }

    /// From which moment (exclusive) to which other (inclusive) messages have been marked since `before`.
    pub fn marked_since(&self, before: &Self) -> Option<(Micros, Micros)> {
        let ends = |interval: &ReadInterval| (interval.rank, interval.up_to);
        let known: HashSet<_> = before.0.iter().map(ends).collect();
        let new = self.0.iter();
        let new: Vec<_> = new
            .filter(|interval| !known.contains(&ends(interval)))
            .collect();
        let after = new.iter().map(|interval| interval.after).min()?;
        let up_to = new.iter().map(|interval| interval.up_to).max()?;
        Some((after, up_to))
    }

    /// Whether a message can have been read according to the intervals here and in the table.
    pub fn may_be_read(&self, author: ContactId, created_at: Micros) -> bool {
        match self.find(Rank::First, created_at) {
            Found::Unread => false,
            Found::Older => true,
            Found::Interval(first) => {
                first.reader != Some(author)
                    || !matches!(self.find(Rank::Second, created_at), Found::Unread)
            }
        }
    }

    /// Whether a message has been read according to the intervals here.
    pub fn is_read(&self, author: ContactId, created_at: Micros) -> bool {
        self.read_at(author, created_at).is_some()
    }

    /// The messages whose intervals of a rank only the table has.
    pub fn missing<'a>(
        &self,
        rank: Rank,
        messages: impl IntoIterator<Item = &'a MessageItem>,
    ) -> Option<Span> {
        let is_missing = |message: &&MessageItem| {
            let counts = rank == Rank::First
                || match self.find(Rank::First, message.created_at) {
                    Found::Interval(first) => first.reader == Some(message.contact_id),
                    Found::Older => true,
                    Found::Unread => false,
                };
            counts && matches!(self.find(rank, message.created_at), Found::Older)
        };
        let missing = messages.into_iter().filter(is_missing);
        let moments: Vec<_> = missing.map(|message| message.created_at).collect();
        Some(Span {
            first: *moments.iter().min()?,
            last: *moments.iter().max()?,
            messages: moments.len(),
        })
    }

    /// Adds intervals from the table.
    pub fn extend(&mut self, older: impl IntoIterator<Item = ReadInterval>) {
        self.0.extend(older);
    }

    /// How many intervals name this reader.
    pub fn count_of(&self, reader: ContactId) -> usize {
        let intervals = self.0.iter();
        intervals
            .filter(|interval| interval.reader == Some(reader))
            .count()
    }

    /// The same intervals without the name of this reader.
    pub fn without(&self, reader: ContactId) -> Self {
        let anonymous = |interval: &ReadInterval| ReadInterval {
            reader: interval.reader.filter(|&other| other != reader),
            ..*interval
        };
        Self(self.0.iter().map(anonymous).collect())
    }
}

/// An item of the table of reads: consecutive intervals of a rank.
#[derive(Deserialize, Serialize)]
pub struct ReadsItem {
    pub conversation_id: ConversationId,
    /// The rank, then the end of the last interval as in a message id.
    pub up_to: String,
    pub intervals: ReadLog,
}

impl ReadsItem {
    /// The end of the last interval.
    pub fn end(&self) -> Micros {
        let ends = self.intervals.0.iter().map(|interval| interval.up_to);
        ends.max().unwrap_or(Micros(0))
    }

    /// The sort key of intervals that were removed from a log.
    pub fn of(conversation_id: ConversationId, intervals: Vec<ReadInterval>) -> Option<Self> {
        let last = intervals.last()?;
        Some(Self {
            conversation_id,
            up_to: sort_key(last.rank, last.up_to),
            intervals: ReadLog(intervals),
        })
    }
}

/// The key of an item.
pub fn key(conversation: ConversationId, up_to: &str) -> Item {
    Item::from([
        ("conversation_id".to_owned(), string_attr(conversation)),
        ("up_to".to_owned(), string_attr(up_to)),
    ])
}

/// The sort key of an item whose last interval ends at this moment.
pub fn sort_key(rank: Rank, end: Micros) -> String {
    format!("{}{}", rank.digit(), MessageId::prefix(end))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::metadata::Metadata;
    use crate::store::dynamodb::item::{from_item, to_item};
    use crate::version::Version;

    #[derive(Clone, Debug)]
    enum Event {
        Send(usize),
        Mark(usize, Index),
        /// A mark that ends before it is in the conversation's item.
        InterruptedMark(usize, Index),
        Erase(usize),
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let contact = 0..4_usize;
        let event = prop_oneof![
            40 => contact.clone().prop_map(Event::Send),
            60 => (contact.clone(), any::<Index>()).prop_map(|(who, to)| Event::Mark(who, to)),
            10 => (contact.clone(), any::<Index>()).prop_map(|(who, to)| Event::InterruptedMark(who, to)),
            1 => contact.prop_map(Event::Erase),
        ];
        prop::collection::vec(event, 1..200)
    }

    /// A conversation as it is stored, and what is expected of it.
    #[derive(Default)]
    struct History {
        messages: Vec<MessageItem>,
        /// When each message was read, by `created_at`.
        expected: BTreeMap<Micros, Micros>,
        log: ReadLog,
        table: BTreeMap<String, ReadsItem>,
        erased: BTreeSet<ContactId>,
    }

    fn conversation() -> ConversationId {
        "0000000000000000".parse().unwrap()
    }

    fn contact(number: usize) -> ContactId {
        format!("000000000000000{number}").parse().unwrap()
    }

    fn message(author: ContactId, created_at: Micros) -> MessageItem {
        MessageItem {
            key_id: None,
            conversation_id: conversation(),
            created_at,
            contact_id: author,
            message: "hello".to_owned(),
            metadata: Metadata::default(),
            reply_to: None,
            read_at: None,
            updated_at: None,
            edited_at: None,
            edits: None,
            version: Version(1),
            is_pinned: false,
            attachments_version: None,
            reactions: BTreeMap::new(),
            attachments: BTreeMap::new(),
        }
    }

    impl History {
        fn mark(&mut self, reader: ContactId, up_to: Micros, at: Micros, is_interrupted: bool) {
            let Some(mut marked) = self.log.mark(reader, up_to, at) else {
                return;
            };
            if let Some(oldest) = marked.take_oldest() {
                assert!(oldest.len() >= MIN_MOVED);
                let item = ReadsItem::of(conversation(), oldest).unwrap();
                self.table.entry(item.up_to.clone()).or_insert(item);
            }
            if !is_interrupted {
                self.log = marked;
            }
            assert!(self.log.0.len() <= MAX_RECENT);
        }

        /// What a naive implementation would do.
        fn expect(&mut self, reader: ContactId, up_to: Micros, at: Micros) {
            let messages = self.messages.iter();
            for message in messages.filter(|message| message.created_at <= up_to) {
                if message.contact_id != reader {
                    self.expected.entry(message.created_at).or_insert(at);
                }
            }
        }

        fn erase(&mut self, contact: ContactId) {
            self.erased.insert(contact);
            self.messages
                .retain(|message| message.contact_id != contact);
            self.log = self.log.without(contact);
            for item in self.table.values_mut() {
                item.intervals = item.intervals.without(contact);
            }
        }

        /// Applies the log to a page, with what it lacks from the table.
        fn read(&self, page: &[MessageItem]) -> Vec<MessageItem> {
            let mut log = self.log.clone();
            for rank in Rank::ALL {
                let Some(span) = self.log.missing(rank, page) else {
                    continue;
                };
                let range = sort_key(rank, span.first)..=sort_key(rank, Micros::MAX);
                for (_, item) in self.table.range(range) {
                    log.extend(item.intervals.clone());
                    if item.end() >= span.last {
                        break;
                    }
                }
            }
            let mut page: Vec<_> = page
                .iter()
                .map(|item| message(item.contact_id, item.created_at))
                .collect();
            for message in &mut page {
                log.apply(message);
            }
            page
        }

        /// Of each message that is displayed differently than before, the difference of the logs tells.
        fn assert_marks_are_told(&self, before: &ReadLog, shown: &[MessageItem]) {
            let span = self.log.marked_since(before);
            for (old, new) in shown.iter().zip(self.read(&self.messages)) {
                let (author, at) = (new.contact_id, new.created_at);
                let is_told = span.is_some_and(|(after, up_to)| after < at && at <= up_to)
                    && self.log.may_be_read(author, at)
                    && !before.is_read(author, at);
                assert!(is_told || old.read_at == new.read_at, "{:?}", new.id());
            }
        }

        fn assert_as_expected(&self) {
            let assert_page = |page: &[MessageItem]| {
                for message in self.read(page) {
                    let expected = self.expected.get(&message.created_at).copied();
                    assert_eq!(message.read_at, expected, "{:?}", message.id());
                    assert_eq!(message.updated_at, expected);
                }
            };
            assert_page(&self.messages);
            self.messages.chunks(3).for_each(assert_page);
        }
    }

    proptest! {
        #[test]
        fn the_log_tells_the_same_as_a_mark_on_each_message(events in events()) {
            let mut history = History::default();
            for (number, event) in events.into_iter().enumerate() {
                let now = Micros(1000 * (1 + number as u64));
                let who = match event {
                    Event::Send(who)
                    | Event::Mark(who, _)
                    | Event::InterruptedMark(who, _)
                    | Event::Erase(who) => contact(who),
                };
                if history.erased.contains(&who) {
                    continue;
                }
                let sent = |to: Index| {
                    let moments: Vec<_> = history.messages.iter().map(|sent| sent.created_at).collect();
                    (!moments.is_empty()).then(|| *to.get(&moments))
                };
                match event {
                    Event::Send(_) => history.messages.push(message(who, now)),
                    Event::Mark(_, to) => {
                        if let Some(up_to) = sent(to) {
                            let (log, shown) = (history.log.clone(), history.read(&history.messages));
                            history.mark(who, up_to, now, false);
                            history.expect(who, up_to, now);
                            history.assert_marks_are_told(&log, &shown);
                        }
                    }
                    Event::InterruptedMark(_, to) => {
                        if let Some(up_to) = sent(to) {
                            history.mark(who, up_to, now, true);
                        }
                    }
                    Event::Erase(_) => history.erase(who),
                }
            }
            history.assert_as_expected();
        }

        #[test]
        fn a_log_is_read_from_its_item(events in events()) {
            let mut history = History::default();
            for (number, event) in events.into_iter().enumerate() {
                if let Event::Mark(who, to) = event {
                    let up_to = Micros(to.index(1000) as u64 + 1);
                    history.mark(contact(who), up_to, Micros(number as u64), false);
                }
            }
            let item = ReadsItem {
                conversation_id: conversation(),
                up_to: String::new(),
                intervals: history.log,
            };
            let read: ReadsItem = from_item(to_item(&item).unwrap()).unwrap();
            prop_assert_eq!(read.intervals, item.intervals);
        }
    }

    #[test]
    fn a_text_that_is_not_an_interval_is_refused() {
        let moments = "000000001000000002000000003";
        for good in [format!("1{moments}{}", contact(1)), format!("2{moments}")] {
            let interval = ReadInterval::try_from(good.clone()).unwrap();
            assert_eq!(String::from(interval), good);
        }
        for bad in [
            "",
            "1",
            "3000000001000000002000000003",
            "1é",
            "100000000100000000200000000~",
        ] {
            assert!(ReadInterval::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        let reader = format!("1{moments}short");
        assert!(ReadInterval::try_from(reader).is_err());
    }

    #[test]
    fn a_message_is_read_at_the_earlier_mark_and_never_before_it_was_sent() {
        let [kevin, kate] = [contact(0), contact(1)];
        let log = ReadLog::default()
            .mark(kate, Micros(10), Micros(7))
            .unwrap();
        let applied = |item: MessageItem| {
            let mut item = item;
            log.apply(&mut item);
            (item.read_at, item.updated_at)
        };
        let sent = message(kevin, Micros(9));
        assert_eq!(
            applied(sent),
            (Some(Micros(9)), Some(Micros(9))),
            "her clock is behind"
        );
        let marked = MessageItem {
            read_at: Some(Micros(3)),
            updated_at: Some(Micros(4)),
            ..message(kevin, Micros(2))
        };
        assert_eq!(applied(marked), (Some(Micros(3)), Some(Micros(4))));
        let edited = MessageItem {
            updated_at: Some(Micros(8)),
            ..message(kevin, Micros(2))
        };
        assert_eq!(applied(edited), (Some(Micros(7)), Some(Micros(8))));
    }
}
