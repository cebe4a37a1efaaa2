//! Cursors: the parameters `starting_after` and `ending_before`.

use crate::error::Invalid;
use crate::page::{Cursor, Direction};

/// The cursor of a list request, if there is one.
///
/// # Errors
///
/// Both parameters are set.
pub fn cursor<T>(
    starting_after: Option<T>,
    ending_before: Option<T>,
) -> Result<Option<Cursor<T>>, Invalid> {
    match (starting_after, ending_before) {
        (Some(_), Some(_)) => Err(Invalid::value(
            "ending_before",
            "cannot be combined with starting_after",
        )),
        (Some(id), None) => Ok(Some(Cursor::StartingAfter(id))),
        (None, Some(id)) => Ok(Some(Cursor::EndingBefore(id))),
        (None, None) => Ok(None),
    }
}

/// The parameter of a cursor with this direction.
#[must_use]
pub fn cursor_param(direction: Direction) -> &'static str {
    match direction {
        Direction::Older => "starting_after",
        Direction::Newer => "ending_before",
    }
}
