//! Pages of a list: which part is asked for, and what is answered.

use serde::{Deserialize, Serialize};

use crate::id::MessageId;
use crate::time::Micros;

/// The most that the items of a page may weigh: Lambda's limit for an answer is 6 MB.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_BYTES: usize = 5 * 1024 * 1024;

/// One page of a list, newest first.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// Whether one more item exists in the direction travelled.
    pub has_more: bool,
    /// The items.
    pub data: Vec<T>,
}

impl<T> Page<T> {
    /// The page of what was found on the way, nearest first: up to one more than the limit.
    ///
    /// It ends before the limit where its items, by their `weight` in bytes, would not fit into
    /// one answer of a function.
    #[must_use]
    pub fn of(mut found: Vec<T>, window: &Window, weight: impl Fn(&T) -> usize) -> Self {
        let mut bytes = 0;
        let fits = |item: &&T| {
            bytes += weight(item);
            bytes <= MAX_BYTES
        };
        let fitting = found
            .iter()
            .take(window.limit.get())
            .take_while(fits)
            .count();
        let has_more = found.len() > fitting.max(1);
        found.truncate(fitting.max(1));
        if window.direction() == Direction::Newer {
            found.reverse();
        }
        Self {
            has_more,
            data: found,
        }
    }
}

/// How many items a page has: 1 to 100, 10 unless said otherwise.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u64")]
pub struct Limit(u8);

impl Limit {
    /// As a count of items.
    #[must_use]
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(10)
    }
}

/// Why a number is not a limit.
#[derive(Debug, thiserror::Error)]
#[error("must be 1 to 100")]
pub struct InvalidLimit;

impl TryFrom<u64> for Limit {
    type Error = InvalidLimit;

    fn try_from(number: u64) -> Result<Self, InvalidLimit> {
        match u8::try_from(number) {
            Ok(limit @ 1..=100) => Ok(Self(limit)),
            _ => Err(InvalidLimit),
        }
    }
}

/// The id next to which a page begins; its message need not exist any more.
#[derive(Clone, Copy, Debug)]
pub enum Cursor {
    /// The page just older than this id.
    StartingAfter(MessageId),
    /// The page just newer than this id.
    EndingBefore(MessageId),
}

/// Which way a page is gathered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From the newest down.
    Older,
    /// From the cursor up.
    Newer,
}

/// The part of a list that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// How many items at most.
    pub limit: Limit,
    /// Where the page begins; without one, at the newest.
    pub cursor: Option<Cursor>,
    /// The earliest moment that counts.
    pub from: Micros,
    /// The first moment that no longer counts; without one, all do.
    pub until: Option<Micros>,
}

impl Window {
    /// Which way to go from the cursor.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self.cursor {
            Some(Cursor::EndingBefore(_)) => Direction::Newer,
            _ => Direction::Older,
        }
    }

    /// The id that all items must be newer than.
    #[must_use]
    pub fn newer_than(&self) -> Option<MessageId> {
        match self.cursor {
            Some(Cursor::EndingBefore(id)) => Some(id),
            _ => None,
        }
    }

    /// The id that all items must be older than.
    #[must_use]
    pub fn older_than(&self) -> Option<MessageId> {
        match self.cursor {
            Some(Cursor::StartingAfter(id)) => Some(id),
            _ => None,
        }
    }
}
