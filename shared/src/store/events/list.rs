use std::collections::HashSet;

use futures_util::future::join;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::event::{EventPage, FeedCursor, Position};
use crate::id::ContactId;
use crate::page::{Limit, MAX_BYTES};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::items::feed::{Entries, FULL, Target, entries_after};

impl Store {
    /// Returns the events after a cursor, oldest first. Four round trips: token ‖ feed ‖ listener; conversations of
    /// messages and memberships; messages and conversations ‖ unread counts; contacts and quoted messages ‖ older reads.
    /// Only the first one without events. One more on the first call of a day, for a caller who is not in the access
    /// cache, and if the latest activity of a conversation is not an existing message.
    ///
    /// It examines at most `limit` entries; a message or conversation that several of them point to is shown once, where
    /// the first one is.
    ///
    /// # Errors
    ///
    /// [`Error::FeedCursorExpired`] if the feed may lack entries for changes since the cursor.
    pub async fn list_events(
        &self,
        caller: &Caller,
        after: FeedCursor,
        limit: Limit,
    ) -> Result<EventPage> {
        // Nothing is read in the feed of another contact.
        let is_presumed_owner = self.presumed_contact(caller) == Some(after.contact);
        if !is_presumed_owner || !self.may_read_ahead(caller, None) {
            let contact = self.authenticate(caller).await?;
            check_owner(&after, contact)?;
        }
        // They have at least one entry more than the page: the first one may have none to give, the others are full.
        let count = limit.get() / FULL + 2;
        let segments = self.segments_from(after.contact, after.position.segment, count);
        let batch = self.with_listener(BatchGet::default(), after.contact);
        let batch = self.with_caller(batch, caller).await?;
        let (items, segments) = join(batch.send(&self.db), segments).await;
        let mut items = items?;
        let contact = self.take_caller(&mut items, caller)?;
        check_owner(&after, contact)?;
        let now = self.clock.now();
        // While a deployment raises the epoch gradually, an instance of before meets cursors of the new one.
        let listener = self
            .take_listener(&mut items)?
            .filter(|listener| listener.can_read(now) && after.epoch >= self.feed_epoch)
            .ok_or(Error::FeedCursorExpired)?;
        let mut segments = segments?;
        segments.retain(|segment| !segment.has_expired(now.into()));
        let entries = entries_after(after.position, segments, limit.get());
        let entries = entries.ok_or(Error::FeedCursorExpired)?;
        self.renew_listener(&listener).await?;
        self.render_events(after, entries).await
    }

    /// Shows what the entries point to. No round trip without entries, otherwise three.
    async fn render_events(&self, after: FeedCursor, read: Entries) -> Result<EventPage> {
        let contact = after.contact;
        let new = new_targets(&read);
        let targets = targets_of(&read);
        let ids = targets.iter().map(|(_, target)| *target);
        let content = self.load_content(contact, ids).await?;
        let mut page = EventPage {
            has_more: read.has_more,
            cursor: FeedCursor {
                position: read.end,
                ..after
            },
            data: Vec::with_capacity(targets.len()),
        };
        let mut bytes = 0;
        for (position, target) in targets {
            bytes += content.max_json_len.get(&target).copied().unwrap_or(0);
            if bytes > MAX_BYTES && !page.data.is_empty() {
                page.has_more = true;
                page.cursor.position = position;
                break;
            }
            page.data.push(content.event(target, new.contains(&target)));
        }
        Ok(page)
    }
}

/// Whether a cursor is one of the contact's.
fn check_owner(cursor: &FeedCursor, contact: ContactId) -> Result<()> {
    if cursor.contact == contact {
        Ok(())
    } else {
        Err(Error::ForeignFeedCursor)
    }
}

/// What has been sent, or the contact has joined, as opposed to changed.
fn new_targets(read: &Entries) -> HashSet<Target> {
    let entries = read.list.iter().map(|(_, entry)| entry);
    let new = entries.filter(|entry| entry.is_new());
    new.map(|entry| entry.target()).collect()
}

/// Each target once, with the position before its first entry. So a page that ends early has told that a target is new:
/// only the later entries come again.
fn targets_of(read: &Entries) -> Vec<(Position, Target)> {
    let mut seen = HashSet::new();
    let targets = read.list.iter();
    let targets = targets.map(|(position, entry)| (*position, entry.target()));
    targets.filter(|(_, target)| seen.insert(*target)).collect()
}
