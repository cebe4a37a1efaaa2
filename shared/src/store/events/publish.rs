use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::stream::{self, StreamExt};
use serde::Deserialize;

use super::change::{Change, Changed, Marks};
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::concurrency::{MAX_CONCURRENT, join_bounded};
use crate::store::dynamodb::item::from_item;
use crate::store::dynamodb::query::query_page;
use crate::store::items::conversation;
use crate::store::items::feed::{Entry, Target};
use crate::store::items::listener::{self, Listener};
use crate::time::Micros;
use crate::webhook::Origin;

/// The most messages for which a mark adds an entry each. Above that, it adds one for all of them.
const MAX_MARKED: usize = 100;

/// The most messages that are examined for that. With the shortest texts, more would be 1 MB.
const MAX_EXAMINED: usize = 5000;

/// Changes that are not in all feeds.
#[derive(Debug)]
pub struct Unpublished {
    /// Their conversations.
    pub conversations: BTreeSet<ConversationId>,
    /// The first error.
    pub error: Error,
}

/// The entries for each contact, whether it listens or not, and the conversations they are about.
#[derive(Default)]
struct EntriesByContact(BTreeMap<ContactId, ContactEntries>);

/// The entries for a contact: one for each target, in the order of the first changes.
#[derive(Default)]
pub(in crate::store) struct ContactEntries {
    pub list: Vec<Entry>,
    /// For each entry, the record that told of it first.
    pub origins: Vec<Origin>,
    positions: HashMap<Target, usize>,
    conversations: BTreeSet<ConversationId>,
}

impl EntriesByContact {
    fn add(
        &mut self,
        contacts: impl IntoIterator<Item = ContactId>,
        conversation: ConversationId,
        entry: Entry,
        origin: Origin,
    ) {
        for contact in contacts {
            let entries = self.0.entry(contact).or_default();
            entries.add(entry, origin);
            entries.conversations.insert(conversation);
        }
    }
}

impl ContactEntries {
    fn add(&mut self, entry: Entry, origin: Origin) {
        match self.positions.get(&entry.target()) {
            Some(&position) if entry.is_new() => self.list[position] = entry,
            Some(_) => {}
            None => {
                self.positions.insert(entry.target(), self.list.len());
                self.list.push(entry);
                self.origins.push(origin);
            }
        }
    }
}

impl Store {
    /// Appends an entry for each changed message and conversation to the feeds of all participants who listen.
    ///
    /// Two round trips without listeners: conversations of messages; listeners. Otherwise one or two more: messages
    /// that were marked as read; feeds, for up to 16 contacts at once. Two more if one of them has webhooks. Then their
    /// sockets get a hint. Can be repeated.
    ///
    /// # Errors
    ///
    /// Says in which conversations changes may be missing in a feed.
    pub async fn publish_changes(&self, changes: &[Change]) -> Result<(), Unpublished> {
        let all = |error| Unpublished {
            conversations: changes.iter().map(Change::conversation).collect(),
            error,
        };
        let feeds = self.feeds_for(changes).await.map_err(all)?;
        // Deliveries come first: putting them again changes nothing, and appending again adds entries to feeds.
        self.put_deliveries(&feeds).await.map_err(all)?;
        self.append_to_feeds(&feeds).await
    }

    /// Appends the entries to the feeds of those who follow them, and tells their sockets.
    async fn append_to_feeds(
        &self,
        feeds: &[(Listener, ContactEntries)],
    ) -> Result<(), Unpublished> {
        let now = self.clock.now();
        let mut appends = Vec::new();
        for (listener, entries) in feeds {
            if listener.is_recorded(now) {
                appends.push(async move {
                    let (contact, hint) = (listener.contact_id, listener.segment_number);
                    let appended = self.append_to_feed(contact, &entries.list, hint).await;
                    (listener, &entries.conversations, appended)
                });
            }
        }
        let appended: Vec<_> = stream::iter(appends)
            .buffer_unordered(MAX_CONCURRENT)
            .collect()
            .await;
        let mut hints = Vec::new();
        let mut unpublished: Option<Unpublished> = None;
        for (listener, conversations, outcome) in appended {
            match outcome {
                Ok(end) => hints.extend(end.map(|end| (listener, end))),
                Err(error) => {
                    let unpublished = unpublished.get_or_insert_with(|| Unpublished {
                        conversations: BTreeSet::new(),
                        error,
                    });
                    unpublished.conversations.extend(conversations);
                }
            }
        }
        self.send_hints(&hints).await;
        unpublished.map_or(Ok(()), Err)
    }

    /// The affected contacts that follow their feed or have webhooks, each with its entries.
    async fn feeds_for(&self, changes: &[Change]) -> Result<Vec<(Listener, ContactEntries)>> {
        let mut addressed = self.address_messages(changes).await?;
        let mut marks = Vec::new();
        for Change { origin, changed } in changes {
            match changed {
                Changed::Message { .. } => {}
                Changed::Membership {
                    contact,
                    conversation: id,
                    is_new,
                } => {
                    let entry = if *is_new {
                        Entry::ConversationCreated(*id)
                    } else {
                        Entry::ConversationUpdated(*id)
                    };
                    addressed.add([*contact], *id, entry, *origin);
                }
                Changed::Conversation(change) => {
                    let id = change.id;
                    let (created, updated) = (
                        Entry::ConversationCreated(id),
                        Entry::ConversationUpdated(id),
                    );
                    addressed.add(change.joined(), id, created, *origin);
                    addressed.add(change.affected(), id, updated, *origin);
                    if change.concerns_operator() {
                        let entry = if change.is_new() { created } else { updated };
                        addressed.add(self.operator(), id, entry, *origin);
                    }
                    marks.extend(change.marks(*origin));
                }
            }
        }
        let see_marks = marks.iter().flat_map(|marks| marks.participants).copied();
        let see_marks = see_marks.chain(self.operator().filter(|_| !marks.is_empty()));
        let contacts = addressed.0.keys().copied().chain(see_marks).collect();
        let listeners = self.listeners_of(contacts).await?;
        self.address_marked_messages(&marks, &listeners, &mut addressed)
            .await?;
        let feeds = listeners.into_values().filter_map(|listener| {
            let entries = addressed.0.remove(&listener.contact_id)?;
            Some((listener, entries))
        });
        Ok(feeds.collect())
    }

    /// The entries for changed messages: for those who participate now, as who joins later loads all messages, and for the
    /// operator, unless the whole conversation is being deleted. One round trip; none without changed messages.
    async fn address_messages(&self, changes: &[Change]) -> Result<EntriesByContact> {
        let entries = changes.iter().filter_map(|change| {
            let (id, entry) = match change.changed {
                Changed::Message { id, is_new: true } => (id, Entry::MessageCreated(id)),
                Changed::Message { id, is_new: false } => (id, Entry::MessageUpdated(id)),
                Changed::Conversation(_) | Changed::Membership { .. } => return None,
            };
            Some((id.conversation(), entry, change.origin))
        });
        let entries: Vec<_> = entries.collect();
        let ids: BTreeSet<_> = entries.iter().map(|&(id, _, _)| id).collect();
        let keys = ids.into_iter().map(conversation::key);
        let batch = BatchGet::default().keys(&self.tables.conversations, keys);
        let mut items = batch.send(&self.db).await?;
        let conversations = self.take_conversations(&mut items)?.into_iter();
        let participants: HashMap<_, _> = conversations
            .map(|conversation| (conversation.id, conversation.participants))
            .collect();
        let mut addressed = EntriesByContact::default();
        for (id, entry, origin) in entries {
            let participants = participants.get(&id).filter(|all| !all.is_empty());
            let operator = self.operator().filter(|_| participants.is_some());
            let participants = participants.into_iter().flatten().copied();
            addressed.add(participants.chain(operator), id, entry, origin);
        }
        Ok(addressed)
    }

    /// Those of the contacts in whose feeds changes are recorded, or that have webhooks. One round trip.
    async fn listeners_of(
        &self,
        contacts: BTreeSet<ContactId>,
    ) -> Result<BTreeMap<ContactId, Listener>> {
        let table = &self.tables.listeners;
        let keys = contacts.into_iter().map(listener::key);
        let mut items = BatchGet::default().keys(table, keys).send(&self.db).await?;
        let now = self.clock.now();
        let listeners = items.take::<Listener>(table)?.into_iter();
        let listeners =
            listeners.filter(|listener| listener.is_recorded(now) || self.delivers_to(listener));
        Ok(listeners
            .map(|listener| (listener.contact_id, listener))
            .collect())
    }

    /// Adds the entries for messages that were marked as read. One round trip; none if nobody listens.
    async fn address_marked_messages(
        &self,
        marks: &[Marks<'_>],
        listeners: &BTreeMap<ContactId, Listener>,
        addressed: &mut EntriesByContact,
    ) -> Result<()> {
        let listening = |marks: &Marks<'_>| {
            let participants = marks.participants.iter().copied();
            let listening = participants
                .chain(self.operator())
                .filter(|contact| listeners.contains_key(contact));
            listening.collect::<Vec<_>>()
        };
        let reads = marks.iter().map(|marks| (marks, listening(marks)));
        let reads = reads.filter(|(_, contacts)| !contacts.is_empty());
        let reads = reads.map(async |(marks, contacts)| {
            let entries = self.entries_of_marks(marks).await?;
            Ok((marks, contacts, entries))
        });
        for (marks, contacts, entries) in join_bounded(reads.collect()).await? {
            for entry in entries {
                let contacts = contacts.iter().copied();
                addressed.add(contacts, marks.conversation, entry, marks.origin);
            }
        }
        Ok(())
    }

    /// An entry for each message that is displayed as read now, or one for all if there are more than [`MAX_MARKED`], or
    /// if the marked messages have more than 1 MB. One round trip.
    async fn entries_of_marks(&self, marks: &Marks<'_>) -> Result<Vec<Entry>> {
        #[derive(Deserialize)]
        struct Sent {
            contact_id: ContactId,
            created_at: Micros,
        }
        let id = marks.conversation;
        let query = self.messages_between(id, marks.first, marks.last);
        let query = query.projection_expression("contact_id, created_at");
        let (items, has_more) = query_page(query, MAX_EXAMINED).await?;
        let mut entries = Vec::new();
        for item in items {
            let Sent {
                contact_id,
                created_at,
            } = from_item(item)?;
            if marks.include(contact_id, created_at) {
                entries.push(Entry::MessageUpdated(MessageId::new(created_at, id)));
            }
        }
        if has_more || entries.len() > MAX_MARKED {
            return Ok(vec![Entry::ManyMessagesUpdated(id)]);
        }
        Ok(entries)
    }
}
