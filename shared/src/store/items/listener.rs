//! The table of listeners: the contacts that follow their feed. Others get no entries.

use serde::{Deserialize, Serialize};

use crate::id::ContactId;
use crate::store::dynamodb::item::{Item, string_attr};
use crate::time::{Micros, Seconds};

/// For how many days after its last read a contact can go on reading its feed.
const MAX_DAYS: u64 = 30;

#[derive(Debug, Deserialize, Serialize)]
pub struct Listener {
    pub contact_id: ContactId,
    /// A segment of its feed, from which on the newest one is looked for.
    pub segment_number: u64,
    /// When it last read its feed, in days since 1970 (UTC).
    pub read_on: u64,
}

impl Listener {
    /// Whether the contact can still go on from a position in its feed.
    pub fn can_read(&self, now: Micros) -> bool {
        day(now).saturating_sub(self.read_on) <= MAX_DAYS
    }

    /// Whether changes are recorded in its feed: for a day longer, since the clocks of two hosts can differ.
    pub fn is_recorded(&self, now: Micros) -> bool {
        day(now).saturating_sub(self.read_on) <= MAX_DAYS + 1
    }
}

/// The number of a day since 1970 (UTC).
pub fn day(moment: Micros) -> u64 {
    const SECONDS_PER_DAY: u64 = 24 * 60 * 60;
    Seconds::from(moment).0 / SECONDS_PER_DAY
}

pub fn key(contact: ContactId) -> Item {
    Item::from([("contact_id".to_owned(), string_attr(contact))])
}
