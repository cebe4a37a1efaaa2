//! The protocol of appending and reading, with the steps of several appenders and readers in any order. The table is a
//! model; which entries a reader gets is decided by [`entries_after`].

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Entry, FULL, MAX_APPENDED, Segment, Target, entries_after};
use crate::event::Position;
use crate::id::{ContactId, ConversationId, MessageId};
use crate::time::Micros;

/// What is wrong with the protocol, to test the test.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Flaw {
    None,
    /// An appender goes on to the next segment although the last one has room.
    SegmentsAreLeft,
    /// A full segment still takes entries.
    SegmentsGrow,
    /// A reader goes on from a segment that is not full.
    ReadersGoOn,
}

/// The segments, with their entries as numbers.
#[derive(Default)]
struct Table {
    segments: BTreeMap<u64, Vec<u64>>,
    /// Where each entry became visible.
    committed: Vec<(Position, u64)>,
}

impl Table {
    /// One conditional update, as `append` makes it.
    fn append(&mut self, number: u64, new: &[u64], may_create: bool, grows: bool) -> Appended {
        let segment = match self.segments.get_mut(&number) {
            Some(segment) => segment,
            None if may_create => self.segments.entry(number).or_default(),
            None => return Appended::Missing,
        };
        if segment.len() >= FULL && !grows {
            return Appended::Full;
        }
        for &entry in new {
            let position = Position {
                segment: number,
                index: segment.len(),
            };
            self.committed.push((position, entry));
            segment.push(entry);
        }
        Appended::Done
    }
}

enum Appended {
    Done,
    Full,
    Missing,
}

/// Appends entries, which it may do twice, as a batch is repeated.
struct Appender {
    batch: Vec<u64>,
    next: usize,
    segment: Option<u64>,
    may_create: bool,
    repeats: usize,
}

impl Appender {
    /// Returns false once it has finished.
    fn step(&mut self, table: &mut Table, choice: u8, flaw: Flaw) -> bool {
        let Some(segment) = self.segment else {
            self.segment = table.segments.keys().next_back().copied();
            return true;
        };
        let size = 1 + usize::from(choice) % MAX_APPENDED;
        let end = (self.next + size).min(self.batch.len());
        let grows = flaw == Flaw::SegmentsGrow && choice.is_multiple_of(8);
        let new = &self.batch[self.next..end];
        match table.append(segment, new, self.may_create, grows) {
            Appended::Done => {
                self.next = end;
                self.may_create = false;
                if flaw == Flaw::SegmentsAreLeft && choice.is_multiple_of(4) {
                    self.segment = Some(segment + 1);
                    self.may_create = true;
                }
            }
            Appended::Full => {
                self.segment = Some(segment + 1);
                self.may_create = true;
            }
            Appended::Missing => self.segment = None,
        }
        // The instance dies, and another one repeats the batch with the hint of before, or an even older one.
        if self.repeats > 0 && (self.next == self.batch.len() || choice % 16 == 1) {
            self.repeats -= 1;
            self.next = 0;
            self.may_create = false;
            self.segment = Some(1);
        }
        self.next < self.batch.len()
    }
}

/// Reads page after page.
struct Reader {
    position: Position,
    page: Vec<Segment>,
    got: Vec<(Position, u64)>,
    flaw: Flaw,
}

impl Reader {
    /// Reads one more segment of the page, or ends the page.
    fn step(&mut self, table: &Table, choice: u8) {
        let first = self.position.segment;
        let number = first + self.page.len() as u64;
        let is_over = self.page.len() == 3 || choice.is_multiple_of(8);
        match table.segments.get(&number).filter(|_| !is_over) {
            Some(entries) => self.page.push(segment(number, entries)),
            None => self.ends_page(1 + usize::from(choice)),
        }
    }

    /// Reads until there is nothing more.
    fn catches_up(&mut self, table: &Table) {
        self.page.clear();
        loop {
            let from = self.position;
            let segments = table.segments.range(from.segment..).take(3);
            self.page = segments
                .map(|(&number, entries)| segment(number, entries))
                .collect();
            self.ends_page(1 + FULL);
            if self.position == from {
                return;
            }
        }
    }

    fn ends_page(&mut self, limit: usize) {
        let mut page = std::mem::take(&mut self.page);
        if self.flaw == Flaw::ReadersGoOn {
            for segment in &mut page {
                // Looks full to `entries_after`, and has only its own entries.
                let missing = FULL.saturating_sub(segment.entries.len());
                segment.entries.extend(vec![Entry::Resync; missing]);
            }
        }
        let Some(read) = entries_after(self.position, page, limit) else {
            return;
        };
        let entries = read.list.into_iter();
        let entries = entries.filter_map(|(at, entry)| Some((at, number_of(entry)?)));
        self.got.extend(entries);
        self.position = read.end;
    }
}

fn segment(number: u64, entries: &[u64]) -> Segment {
    let conversation = ConversationId::random();
    let entry = |&entry| Entry::MessageCreated(MessageId::new(Micros(entry), conversation));
    Segment {
        contact_id: ContactId::random(),
        number,
        entries: entries.iter().map(entry).collect(),
        expires_at: None,
    }
}

fn number_of(entry: Entry) -> Option<u64> {
    match entry.target() {
        Target::Message(id) => Some(id.created_at().0),
        _ => None,
    }
}

/// Runs the processes in this order. Returns what a reader misses when it has caught up.
fn run(order: &[(u8, u8)], flaw: Flaw) -> BTreeSet<u64> {
    let mut table = Table::default();
    table.segments.insert(1, Vec::new());
    let mut appenders: Vec<_> = (0..4_u64)
        .map(|number| Appender {
            batch: (0..20).map(|entry| number * 100 + entry).collect(),
            next: 0,
            segment: Some(1).filter(|_| number % 2 == 0),
            may_create: false,
            repeats: 2,
        })
        .collect();
    let start = Position {
        segment: 1,
        index: 0,
    };
    let mut readers: Vec<_> = (0..2)
        .map(|_| Reader {
            position: start,
            page: Vec::new(),
            got: Vec::new(),
            flaw,
        })
        .collect();
    for &(process, choice) in order {
        match usize::from(process) % 6 {
            process @ 0..4 if appenders[process].next < appenders[process].batch.len() => {
                appenders[process].step(&mut table, choice, flaw);
            }
            0..4 => {}
            process => readers[process - 4].step(&table, choice),
        }
    }
    let missing = readers.into_iter().flat_map(|mut reader| {
        reader.catches_up(&table);
        let got: BTreeSet<_> = reader.got.into_iter().collect();
        let committed = table.committed.iter();
        let missed = committed.filter(move |entry| !got.contains(entry));
        missed.map(|(_, entry)| *entry)
    });
    missing.collect()
}

fn order() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((any::<u8>(), any::<u8>()), 100..400)
}

proptest! {
    #[test]
    fn a_reader_misses_nothing(order in order()) {
        prop_assert_eq!(run(&order, Flaw::None), BTreeSet::new());
    }
}

#[test]
fn a_flaw_makes_readers_miss_entries() {
    for flaw in [Flaw::SegmentsAreLeft, Flaw::SegmentsGrow, Flaw::ReadersGoOn] {
        let mut random = fastrand::Rng::with_seed(7);
        let mut misses = || {
            let order: Vec<_> = (0..300).map(|_| (random.u8(..), random.u8(..))).collect();
            !run(&order, flaw).is_empty()
        };
        assert!((0..10_000).any(|_| misses()), "{flaw:?}");
    }
}
