use futures_util::future::try_join;

use crate::caller::Caller;
use crate::error::Result;
use crate::event::{EventPage, FeedCursor, Position};
use crate::id::ContactId;
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::item::{from_item, number_attr};
use crate::store::dynamodb::update::{Outcome, Update};
use crate::store::items::feed::Entry;
use crate::store::items::listener::{self, Listener, day};
use crate::time::Seconds;

impl Store {
    /// Returns a cursor at the end of the caller's feed, without events: every later change is recorded after it. Two
    /// round trips: token; feed ‖ listener. One more on the first call of a day, two on the very first one.
    pub async fn start_feed(&self, caller: &Caller) -> Result<EventPage> {
        let contact = self.authenticate(caller).await?;
        let batch = self.with_listener(BatchGet::default(), contact);
        let (newest, mut items) =
            try_join(self.newest_segment(contact), batch.send(&self.db)).await?;
        let now = self.clock.now();
        let position = match (newest, self.take_listener(&mut items)?) {
            (Some(newest), Some(listener)) if listener.can_read(now) => {
                self.renew_listener(&listener).await?;
                newest.end()
            }
            // Changes were not recorded meanwhile: older cursors must lead to a `resync`. It comes before the contact
            // counts as a listener again, since these cursors are valid from then on.
            (Some(newest), lapsed) => {
                let hint = lapsed.map_or(newest.number, |listener| listener.segment_number);
                let end = self.append_to_feed(contact, &[Entry::Resync], hint).await?;
                let end = end.unwrap_or_else(|| newest.end());
                self.add_listener(contact, end.segment).await?;
                end
            }
            // The listener comes first: it decides which of several devices chooses the number. What is published before
            // the segment exists has been committed before this response, and so is in the lists.
            (None, _) => {
                let first = self.add_listener(contact, Seconds::from(now).0).await?;
                self.create_feed(contact, first).await?;
                Position {
                    segment: first,
                    index: 0,
                }
            }
        };
        Ok(EventPage {
            has_more: false,
            cursor: FeedCursor {
                contact,
                epoch: self.feed_epoch,
                position,
            },
            data: Vec::new(),
        })
    }

    /// Records that a contact follows its feed from today on, with this segment, unless another request has just done
    /// the same. Returns the segment that is recorded.
    async fn add_listener(&self, contact: ContactId, segment: u64) -> Result<u64> {
        let key = listener::key(contact);
        let table = &self.tables.listeners;
        let expression = "SET segment_number = :segment, read_on = :today";
        let condition = "attribute_not_exists(contact_id) OR read_on < :today";
        let outcome = Update::new(table, key, expression, condition)
            .value(":segment", number_attr(segment))
            .value(":today", number_attr(day(self.clock.now())))
            .send_and_return(&self.db)
            .await?;
        match outcome {
            Outcome::Updated(item) | Outcome::Refused(Some(item)) => {
                Ok(from_item::<Listener>(item)?.segment_number)
            }
            Outcome::Refused(None) => Ok(segment),
        }
    }

    /// Records that a contact has read its feed today. One round trip, none if that is known.
    pub(super) async fn renew_listener(&self, listener: &Listener) -> Result<()> {
        let today = day(self.clock.now());
        if listener.read_on >= today {
            return Ok(());
        }
        let key = listener::key(listener.contact_id);
        let table = &self.tables.listeners;
        Update::new(table, key, "SET read_on = :today", "read_on < :today")
            .value(":today", number_attr(today))
            .send(&self.db)
            .await
            .map(drop)
    }
}
