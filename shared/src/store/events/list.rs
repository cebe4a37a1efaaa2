use std::collections::{HashMap, HashSet};

use futures_util::future::join;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::event::{Event, EventPage, EventType, FeedCursor, Position};
use crate::id::{ContactId, MessageId};
use crate::page::{Limit, MAX_BYTES};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::items::feed::{Entries, Entry, FULL, entries_after};
use crate::store::items::message::{self, MessageItem};

impl Store {
    /// Returns the events after a cursor, oldest first. Four round trips: token ‖ feed ‖ listener; conversations;
    /// messages; contacts and quoted messages ‖ older reads. Only the first one without events. One more on the first
    /// call of a day, and for a caller who is not in the access cache.
    ///
    /// It examines at most `limit` entries; a message that several of them point to is shown once, where the last one
    /// is.
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
        let created = created_in(&read);
        let latest = latest_of_each(&read);
        let ids: Vec<_> = latest
            .iter()
            .filter_map(|(_, entry)| entry.message())
            .collect();
        let mut conversations = HashMap::new();
        self.load_unknown_conversations(&ids, &mut conversations)
            .await?;
        conversations.retain(|_, conversation| conversation.participants.contains(&contact));
        let visible = ids.into_iter();
        let visible = visible.filter(|id| conversations.contains_key(&id.conversation()));
        let batch = BatchGet::default().keys(&self.tables.messages, visible.map(message::key));
        let mut items = batch.send(&self.db).await?;
        let content = PageContent::of(latest, self.take_messages(&mut items)?);
        let rendered = self
            .render_messages(contact, content.messages, &conversations)
            .await?;
        let mut rendered: HashMap<_, _> = rendered
            .into_iter()
            .map(|message| (message.id, message))
            .collect();
        let events = content.entries.into_iter().map(|entry| {
            let id = entry.message();
            let object = id.and_then(|id| rendered.remove(&id));
            let r#type = match (id, &object) {
                (None, _) => EventType::Resync,
                (Some(_), None) => EventType::MessageDeleted,
                (Some(id), Some(_)) if created.contains(&id) => EventType::MessageCreated,
                (Some(_), Some(_)) => EventType::MessageUpdated,
            };
            Event {
                r#type,
                id,
                conversation_id: id.map(|id| id.conversation()),
                object,
            }
        });
        Ok(EventPage {
            data: events.collect(),
            has_more: read.has_more || content.end.is_some(),
            cursor: FeedCursor {
                position: content.end.unwrap_or(read.end),
                ..after
            },
        })
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

/// The messages that were sent, as opposed to changed.
fn created_in(read: &Entries) -> HashSet<MessageId> {
    let entries = read.list.iter();
    let created = entries.filter_map(|(_, entry)| match entry {
        Entry::Created(id) => Some(*id),
        Entry::Updated(_) | Entry::Resync => None,
    });
    created.collect()
}

/// The last entry of each message, in their order.
fn latest_of_each(read: &Entries) -> Vec<(Position, Entry)> {
    let mut seen = HashSet::new();
    let entries = read.list.iter().rev().copied();
    let mut latest: Vec<_> = entries
        .filter(|(_, entry)| seen.insert(entry.message()))
        .collect();
    latest.reverse();
    latest
}

/// The first entries whose messages fit into one response.
struct PageContent {
    entries: Vec<Entry>,
    messages: Vec<MessageItem>,
    /// Before the first entry that does not fit, if there is one.
    end: Option<Position>,
}

impl PageContent {
    /// At least one entry, if there is one.
    fn of(latest: Vec<(Position, Entry)>, mut found: HashMap<MessageId, MessageItem>) -> Self {
        let mut content = Self {
            entries: Vec::with_capacity(latest.len()),
            messages: Vec::with_capacity(found.len()),
            end: None,
        };
        let mut bytes = 0;
        for (position, entry) in latest {
            let message = entry.message().and_then(|id| found.remove(&id));
            bytes += message.as_ref().map_or(0, MessageItem::max_json_len);
            if bytes > MAX_BYTES && !content.entries.is_empty() {
                content.end = Some(position);
                break;
            }
            content.entries.push(entry);
            content.messages.extend(message);
        }
        content
    }
}
