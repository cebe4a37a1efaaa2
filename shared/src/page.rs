//! Pages of a list: which part is asked for, and what is answered.

use serde::{Deserialize, Serialize};

use crate::error::Invalid;
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
    pub fn of(
        mut found: Vec<T>,
        limit: Limit,
        direction: Direction,
        weight: impl Fn(&T) -> usize,
    ) -> Self {
        let mut bytes = 0;
        let fits = |item: &&T| {
            bytes += weight(item);
            bytes <= MAX_BYTES
        };
        let fitting = found.iter().take(limit.get()).take_while(fits).count();
        let has_more = found.len() > fitting.max(1);
        found.truncate(fitting.max(1));
        if direction == Direction::Newer {
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

/// The id next to which a page begins; the message that it names need not exist any more.
#[derive(Clone, Copy, Debug)]
pub enum Cursor<T = MessageId> {
    /// The page just behind this id: in lists that have the newest first, the older one.
    StartingAfter(T),
    /// The page just before this id.
    EndingBefore(T),
}

impl<T> Cursor<T> {
    /// The cursor that the parameters `starting_after` and `ending_before` name, if one of them is given.
    ///
    /// # Errors
    ///
    /// If both are.
    pub fn of(
        starting_after: Option<T>,
        ending_before: Option<T>,
    ) -> Result<Option<Self>, Invalid> {
        match (starting_after, ending_before) {
            (Some(_), Some(_)) => Err(Invalid::value(
                "ending_before",
                "cannot be given together with starting_after",
            )),
            (Some(id), None) => Ok(Some(Self::StartingAfter(id))),
            (None, Some(id)) => Ok(Some(Self::EndingBefore(id))),
            (None, None) => Ok(None),
        }
    }

    /// The id.
    pub fn id(&self) -> &T {
        match self {
            Self::StartingAfter(id) | Self::EndingBefore(id) => id,
        }
    }

    /// The parameter that it came in.
    #[must_use]
    pub fn param(&self) -> &'static str {
        match self {
            Self::StartingAfter(_) => "starting_after",
            Self::EndingBefore(_) => "ending_before",
        }
    }

    /// The cursor at what `place` says of the id.
    pub fn map<U>(self, place: impl FnOnce(T) -> U) -> Cursor<U> {
        match self {
            Self::StartingAfter(id) => Cursor::StartingAfter(place(id)),
            Self::EndingBefore(id) => Cursor::EndingBefore(place(id)),
        }
    }

    /// Which way to go from it.
    #[must_use]
    pub fn direction(cursor: Option<&Self>) -> Direction {
        match cursor {
            Some(Self::EndingBefore(_)) => Direction::Newer,
            _ => Direction::Older,
        }
    }
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
        Cursor::direction(self.cursor.as_ref())
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
