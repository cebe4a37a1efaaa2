//! The part of a list that is still to be read, where ids sort it.

use crate::id::MessageId;
use crate::page::{Direction, Window};

/// Both ends are texts between ids, and inclusive.
pub(super) struct Span {
    pub(super) first: String,
    pub(super) last: String,
    pub(super) direction: Direction,
}

impl Span {
    pub(super) fn of(window: &Window) -> Self {
        let first = MessageId::prefix(window.from);
        let last = window.until.map_or_else(after_all, MessageId::prefix);
        Self {
            first: window
                .newer_than()
                .map(just_after)
                .into_iter()
                .chain([first])
                .max()
                .unwrap_or_default(),
            last: window
                .older_than()
                .map(just_before)
                .into_iter()
                .chain([last])
                .min()
                .unwrap_or_default(),
            direction: window.direction(),
        }
    }

    /// Whether nothing can lie between the ends.
    pub(super) fn is_empty(&self) -> bool {
        self.first > self.last
    }

    /// Leaves out what has been read: all up to this id.
    pub(super) fn go_on_from(&mut self, id: MessageId) {
        match self.direction {
            Direction::Older => self.last = just_before(id),
            Direction::Newer => self.first = just_after(id),
        }
    }
}

/// A text behind every id.
fn after_all() -> String {
    "~".to_owned()
}

/// The least text behind an id: no other id lies between.
fn just_after(id: MessageId) -> String {
    format!("{id}0")
}

/// A text before an id with no other id between: its last character less one, then what no id has.
fn just_before(id: MessageId) -> String {
    let mut text = id.to_string();
    let last = text
        .pop()
        .and_then(|last| char::from_u32(u32::from(last) - 1));
    text.extend(last);
    text.push('~');
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Micros;

    fn id() -> impl Strategy<Value = MessageId> {
        // Few different ones, so that neighbours meet.
        (0_u64..4, "[0zAZa9]{2}").prop_map(|(micros, end)| {
            MessageId::new(
                Micros(micros),
                format!("00000000000000{end}").parse().unwrap(),
            )
        })
    }

    proptest! {
        #[test]
        fn the_bounds_beside_an_id_part_all_others(a in id(), b in id()) {
            prop_assert_eq!(b.to_string() >= just_after(a), b > a);
            prop_assert_eq!(b.to_string() <= just_before(a), b < a);
            prop_assert!(b.to_string() < after_all());
        }
    }
}
