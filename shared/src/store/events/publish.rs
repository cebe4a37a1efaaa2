use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::stream::{self, StreamExt};

use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::concurrency::MAX_CONCURRENT;
use crate::store::items::conversation;
use crate::store::items::feed::Entry;
use crate::store::items::listener::{self, Listener};

/// A change of a message, of which the stream has told.
#[derive(Clone, Copy, Debug)]
pub struct MessageChange {
    /// The message.
    pub id: MessageId,
    /// Whether it was sent, as opposed to changed or deleted.
    pub is_new: bool,
}

/// Changes that are not in all feeds.
#[derive(Debug)]
pub struct Unpublished {
    /// Their conversations.
    pub conversations: BTreeSet<ConversationId>,
    /// The first error.
    pub error: Error,
}

/// The entry of each changed message, by conversation, in the order of the changes.
type Entries = BTreeMap<ConversationId, Vec<Entry>>;

impl Store {
    /// Appends an entry for each changed message to the feeds of all participants who listen. Three round trips:
    /// conversations; listeners; feeds, for up to 16 contacts at once. Two without listeners. Can be repeated.
    ///
    /// # Errors
    ///
    /// Says in which conversations changes may be missing in a feed.
    pub async fn publish_changes(&self, changes: &[MessageChange]) -> Result<(), Unpublished> {
        let entries = entries_of(changes);
        let feeds = self.feeds_for(&entries).await;
        let feeds = feeds.map_err(|error| Unpublished {
            conversations: entries.keys().copied().collect(),
            error,
        })?;
        let appends = feeds.into_iter().map(async |(listener, conversations)| {
            let entries = conversations.iter().flat_map(|id| &entries[id]).copied();
            let entries: Vec<_> = entries.collect();
            let contact = listener.contact_id;
            let appended = self.append_to_feed(contact, &entries, listener.segment_number);
            (appended.await, conversations)
        });
        let appended: Vec<_> = stream::iter(appends)
            .buffer_unordered(MAX_CONCURRENT)
            .collect()
            .await;
        let mut unpublished: Option<Unpublished> = None;
        for (outcome, conversations) in appended {
            if let Err(error) = outcome {
                let unpublished = unpublished.get_or_insert_with(|| Unpublished {
                    conversations: BTreeSet::new(),
                    error,
                });
                unpublished.conversations.extend(conversations);
            }
        }
        unpublished.map_or(Ok(()), Err)
    }

    /// The listeners among the participants, with their conversations. Two round trips.
    async fn feeds_for(&self, entries: &Entries) -> Result<Vec<(Listener, Vec<ConversationId>)>> {
        let keys = entries.keys().copied().map(conversation::key);
        let batch = BatchGet::default().keys(&self.tables.conversations, keys);
        let mut items = batch.send(&self.db).await?;
        let mut conversations: HashMap<ContactId, Vec<ConversationId>> = HashMap::new();
        for conversation in self.take_conversations(&mut items)? {
            for participant in conversation.participants {
                let of_participant = conversations.entry(participant).or_default();
                of_participant.push(conversation.id);
            }
        }
        let table = &self.tables.listeners;
        let keys = conversations.keys().copied().map(listener::key);
        let mut items = BatchGet::default().keys(table, keys).send(&self.db).await?;
        let now = self.clock.now();
        let listeners = items.take::<Listener>(table)?.into_iter();
        let listeners = listeners.filter(|listener| listener.is_recorded(now));
        let feeds = listeners.filter_map(|listener| {
            let conversations = conversations.remove(&listener.contact_id)?;
            Some((listener, conversations))
        });
        Ok(feeds.collect())
    }
}

/// One entry for each message, however often it has changed.
fn entries_of(changes: &[MessageChange]) -> Entries {
    let mut is_new: HashMap<MessageId, bool> = HashMap::new();
    let mut order = Vec::new();
    for change in changes {
        let known = is_new.entry(change.id).or_insert_with(|| {
            order.push(change.id);
            false
        });
        *known |= change.is_new;
    }
    let mut entries = Entries::new();
    for id in order {
        let entry = if is_new[&id] {
            Entry::Created(id)
        } else {
            Entry::Updated(id)
        };
        entries.entry(id.conversation()).or_default().push(entry);
    }
    entries
}
