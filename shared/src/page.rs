//! Pages of a list, and cursors.

use std::collections::BTreeSet;
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use crate::id::MessageId;
use crate::time::Micros;

/// The most bytes of all items of a page: Lambda limits a response to 6 MB.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(crate) const MAX_BYTES: usize = 5 * 1024 * 1024;

/// One page of a list, newest first.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// Whether there is one more item in the direction of the request; with `examined_to`, whether there may be.
    pub has_more: bool,
    /// The items.
    pub data: Vec<T>,
    /// Where the next page starts, if not next to the last item: a filtered list has examined others after it.
    #[serde(skip)]
    pub examined_to: Option<String>,
}

impl<T> Page<T> {
    /// The only page of a list.
    #[must_use]
    pub fn whole(data: Vec<T>) -> Self {
        Self {
            has_more: false,
            data,
            examined_to: None,
        }
    }

    /// The page with each item replaced.
    #[must_use]
    pub fn map<U>(self, replace: impl FnMut(T) -> U) -> Page<U> {
        Page {
            has_more: self.has_more,
            data: self.data.into_iter().map(replace).collect(),
            examined_to: self.examined_to,
        }
    }

    /// The page of these items, which start next to the cursor; one more than the limit if there are more.
    ///
    /// It ends before the limit if the items, with their `max_json_len` in bytes, would not fit into one
    /// response.
    #[must_use]
    pub fn of(
        mut found: Vec<T>,
        limit: Limit,
        direction: Direction,
        max_json_len: impl Fn(&T) -> usize,
    ) -> Self {
        let mut bytes = 0;
        let fits = |item: &&T| {
            bytes += max_json_len(item);
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
            examined_to: None,
        }
    }
}

impl<T> Page<T> {
    /// The same for a filtered list, of which items up to `examined_to` were examined if more may follow.
    #[must_use]
    pub fn of_filtered(
        found: Vec<T>,
        limit: Limit,
        direction: Direction,
        max_json_len: impl Fn(&T) -> usize,
        examined_to: Option<impl ToString>,
    ) -> Self {
        let count = found.len();
        let page = Self::of(found, limit, direction, max_json_len);
        if page.data.len() < count {
            return page;
        }
        let examined_to = examined_to.map(|id| id.to_string());
        Self {
            has_more: examined_to.is_some(),
            examined_to,
            ..page
        }
    }
}

impl<T: Copy + Ord> Page<T> {
    /// The page of a sorted list that is known as a whole.
    #[must_use]
    pub fn of_sorted(
        all: &BTreeSet<T>,
        cursor: Option<Cursor<T>>,
        limit: Limit,
        max_json_len: usize,
    ) -> Self {
        let direction = Cursor::direction(cursor.as_ref());
        let wanted = limit.get() + 1;
        let found = match cursor {
            None => all.iter().take(wanted).copied().collect(),
            Some(Cursor::StartingAfter(id)) => {
                let after = (Bound::Excluded(id), Bound::Unbounded);
                all.range(after).take(wanted).copied().collect()
            }
            Some(Cursor::EndingBefore(id)) => all.range(..id).rev().take(wanted).copied().collect(),
        };
        Self::of(found, limit, direction, |_| max_json_len)
    }
}

/// The most items of a page: 1 to 100, 10 by default.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u64")]
pub struct Limit(u8);

impl Limit {
    /// The largest limit.
    pub const MAX: Self = Self(100);

    /// The limit as a number.
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

/// The number is not a limit.
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

/// The id that a page starts next to. A message with this id need not exist any more.
#[derive(Clone, Copy, Debug)]
pub enum Cursor<T = MessageId> {
    /// The page after this id: the older one in lists with the newest first.
    StartingAfter(T),
    /// The page before this id.
    EndingBefore(T),
}

impl<T> Cursor<T> {
    /// The id.
    pub fn id(&self) -> &T {
        match self {
            Self::StartingAfter(id) | Self::EndingBefore(id) => id,
        }
    }

    /// The cursor with another id.
    pub fn map<U>(self, id_of: impl FnOnce(T) -> U) -> Cursor<U> {
        match self {
            Self::StartingAfter(id) => Cursor::StartingAfter(id_of(id)),
            Self::EndingBefore(id) => Cursor::EndingBefore(id_of(id)),
        }
    }

    /// The direction of the page from its cursor.
    #[must_use]
    pub fn direction(cursor: Option<&Self>) -> Direction {
        match cursor {
            Some(Self::EndingBefore(_)) => Direction::Newer,
            _ => Direction::Older,
        }
    }
}

/// The direction in which the items of a page are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From newer to older items.
    Older,
    /// From older to newer items.
    Newer,
}

/// The part of a list that a request asks for.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The most items.
    pub limit: Limit,
    /// Where the page starts; without a cursor, at the newest item.
    pub cursor: Option<Cursor>,
    /// The earliest moment (inclusive).
    pub from: Micros,
    /// The latest moment (exclusive), if there is one.
    pub until: Option<Micros>,
}

impl Window {
    /// The direction of the page from its cursor.
    #[must_use]
    pub fn direction(&self) -> Direction {
        Cursor::direction(self.cursor.as_ref())
    }

    /// The range of `created_at` that it covers, both ends included; none if it is empty.
    #[must_use]
    pub fn moments(&self) -> Option<(Micros, Micros)> {
        let after = self.newer_than().map(|id| id.created_at().0 + 1);
        let before = self.older_than().map_or(u64::MAX, |id| id.created_at().0);
        let until = self.until.map_or(u64::MAX, |until| until.0);
        let first = self.from.0.max(after.unwrap_or_default());
        let end = before.min(until);
        (first < end).then(|| (Micros(first), Micros(end - 1)))
    }

    /// All items are newer than this id.
    #[must_use]
    pub fn newer_than(&self) -> Option<MessageId> {
        match self.cursor {
            Some(Cursor::EndingBefore(id)) => Some(id),
            _ => None,
        }
    }

    /// All items are older than this id.
    #[must_use]
    pub fn older_than(&self) -> Option<MessageId> {
        match self.cursor {
            Some(Cursor::StartingAfter(id)) => Some(id),
            _ => None,
        }
    }
}
