//! A range of sort keys that are message ids.

use crate::id::MessageId;
use crate::page::{Direction, Window};
use crate::time::Micros;

/// Both ends are inclusive; they are texts that sort between ids.
pub struct KeyRange {
    pub first: String,
    pub last: String,
    pub direction: Direction,
}

impl KeyRange {
    /// All ids, the newest first.
    pub fn all() -> Self {
        Self {
            first: MessageId::prefix(Micros(0)),
            last: after_all_ids(),
            direction: Direction::Older,
        }
    }

    /// The range of a window.
    pub fn new(window: &Window) -> Self {
        let first = MessageId::prefix(window.from);
        let last = window.until.map_or_else(after_all_ids, MessageId::prefix);
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

    pub fn is_empty(&self) -> bool {
        self.first > self.last
    }

    /// Narrows the range to what follows this id in its direction.
    pub fn continue_after(&mut self, id: MessageId) {
        match self.direction {
            Direction::Older => self.last = just_before(id),
            Direction::Newer => self.first = just_after(id),
        }
    }
}

/// A text that sorts after every id.
fn after_all_ids() -> String {
    "~".to_owned()
}

/// The least text that sorts after an id, so that no other id lies between.
fn just_after(id: MessageId) -> String {
    format!("{id}0")
}

/// A text that sorts before an id, with no other id between: its last character decremented, then `~`,
/// which is in no id.
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
        // Few different ids, so that neighbors occur.
        (0_u64..4, "[0zAZa9]{2}").prop_map(|(micros, end)| {
            MessageId::new(
                Micros(micros),
                format!("00000000000000{end}").parse().unwrap(),
            )
        })
    }

    proptest! {
        #[test]
        fn bounds_next_to_an_id_separate_all_other_ids(a in id(), b in id()) {
            prop_assert_eq!(b.to_string() >= just_after(a), b > a);
            prop_assert_eq!(b.to_string() <= just_before(a), b < a);
            prop_assert!(b.to_string() < after_all_ids());
        }
    }
}
