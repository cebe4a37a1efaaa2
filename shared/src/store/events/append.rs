use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::error::{Result, chain};
use crate::event::Position;
use crate::id::ContactId;
use crate::store::Store;
use crate::store::dynamodb::item::{from_item, number_attr, to_attribute};
use crate::store::dynamodb::update::{Outcome, Update};
use crate::store::items::feed::{self, Entry, FULL, MAX_APPENDED, Segment};
use crate::store::items::listener;
use crate::time::Seconds;

/// How long a segment is kept after the next one was created.
const SEGMENT_TTL: Duration = Duration::from_hours(30 * 24);

/// What came of appending to a segment.
enum Appended {
    /// The entries are visible, and end at this position.
    EndsAt(Position),
    /// The segment is full, so that it does not change any more.
    Full,
    /// The segment does not exist.
    Missing,
}

impl Store {
    /// Appends entries to a contact's feed. Returns the position after them; none if the contact has no feed.
    ///
    /// One round trip per 16 entries if `hint` is the newest segment. Interrupted or repeated, it leaves some entries
    /// twice, which is harmless.
    pub(super) async fn append_to_feed(
        &self,
        contact: ContactId,
        entries: &[Entry],
        hint: u64,
    ) -> Result<Option<Position>> {
        let mut segment = hint;
        // The first segment that may lack its time to live.
        let mut first = hint;
        let mut end = None;
        for entries in entries.chunks(MAX_APPENDED) {
            let mut may_create = false;
            end = loop {
                match self.append(contact, segment, entries, may_create).await? {
                    Appended::EndsAt(position) => break Some(position),
                    Appended::Full => {
                        segment += 1;
                        may_create = true;
                    }
                    // It has expired, as the hint is old.
                    Appended::Missing => match self.newest_segment(contact).await? {
                        Some(newest) => {
                            segment = newest.number;
                            first = segment;
                        }
                        None => return Ok(None),
                    },
                }
            };
        }
        if segment != hint
            && let Err(error) = self.close_segments(contact, first, segment).await
        {
            let error = chain(&error);
            tracing::warn!(error, "failed to let segments of a feed expire");
        }
        Ok(end)
    }

    /// Appends some entries to a segment, unless that is full. Creates it only if the one before is known to be full.
    async fn append(
        &self,
        contact: ContactId,
        segment: u64,
        entries: &[Entry],
        may_create: bool,
    ) -> Result<Appended> {
        let (expression, condition) = if may_create {
            (
                "SET entries = list_append(if_not_exists(entries, :none), :new)",
                "attribute_not_exists(entries) OR size(entries) < :full",
            )
        } else {
            (
                "SET entries = list_append(entries, :new)",
                "attribute_exists(entries) AND size(entries) < :full",
            )
        };
        let key = feed::key(contact, segment);
        let update = Update::new(&self.tables.feed, key, expression, condition)
            .value(":new", to_attribute(&entries)?)
            .value(":full", number_attr(FULL as u64));
        let update = if may_create {
            update.value(":none", AttributeValue::L(Vec::new()))
        } else {
            update
        };
        Ok(match update.send_and_return(&self.db).await? {
            Outcome::Updated(item) => Appended::EndsAt(from_item::<Segment>(item)?.end()),
            Outcome::Refused(Some(_)) => Appended::Full,
            Outcome::Refused(None) => Appended::Missing,
        })
    }

    /// Lets the segments before `newest` expire, and remembers `newest` as a hint. If it is interrupted, the next append
    /// begins at the old hint, and does it again.
    async fn close_segments(&self, contact: ContactId, first: u64, newest: u64) -> Result<()> {
        let expires_at = Seconds::from(self.clock.now()).0 + SEGMENT_TTL.as_secs();
        for segment in first..newest {
            let key = feed::key(contact, segment);
            let expression = "SET expires_at = if_not_exists(expires_at, :expires_at)";
            Update::new(
                &self.tables.feed,
                key,
                expression,
                "attribute_exists(entries)",
            )
            .value(":expires_at", number_attr(expires_at))
            .send(&self.db)
            .await?;
        }
        let key = listener::key(contact);
        let is_older = "attribute_exists(contact_id) AND segment_number < :segment";
        let table = &self.tables.listeners;
        Update::new(table, key, "SET segment_number = :segment", is_older)
            .value(":segment", number_attr(newest))
            .send(&self.db)
            .await
            .map(drop)
    }

    /// Creates the first segment of a contact's feed, unless it exists.
    pub(super) async fn create_feed(&self, contact: ContactId, first: u64) -> Result<()> {
        let key = feed::key(contact, first);
        let expression = "SET entries = :none";
        let is_new = "attribute_not_exists(entries)";
        Update::new(&self.tables.feed, key, expression, is_new)
            .value(":none", AttributeValue::L(Vec::new()))
            .send(&self.db)
            .await
            .map(drop)
    }
}
