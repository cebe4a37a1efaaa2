use crate::caller::Caller;
use crate::error::{Result, chain};
use crate::id::{ContactId, MessageId};
use crate::message::Message;
use crate::page::{Direction, Page, Window};
use crate::store::Store;
use crate::store::dynamodb::batch::{BatchGet, delete_all};
use crate::store::dynamodb::item::{from_item, string_attr};
use crate::store::dynamodb::query::query_items;
use crate::store::items::inbox_entry::{self, InboxEntry};
use crate::store::items::message::{self, MessageItem};
use crate::store::key_range::KeyRange;
use crate::store::messages::Conversations;
use crate::time::MAX_IN_FLIGHT;

/// The most entries that one request examines. A page of 100 messages needs 101.
const MAX_EXAMINED: usize = 200;

/// The messages of some inbox entries.
#[derive(Default)]
struct InboxMessages {
    messages: Vec<MessageItem>,
    /// Entries whose message is deleted, or whose conversation the owner has left.
    stale: Vec<MessageId>,
    /// How many of the entries were examined, from the first one on.
    examined: usize,
    /// Whether one of the caller's conversations lacks the message of an entry.
    lacks_messages: bool,
}

impl Store {
    /// Returns a page of all messages of all the caller's conversations. Five round trips: token; inbox;
    /// conversations; messages; contacts and quoted messages ‖ older reads. More if it meets stale entries, which it deletes.
    ///
    /// It examines at most 200 entries. If most are stale, the page is short or empty although there are
    /// more. The same request then continues, because the stale entries are gone.
    ///
    /// # Errors
    ///
    /// The one that prevented the deletion, if the page would be empty: the same request would not continue.
    pub async fn list_inbox(&self, caller: &Caller, window: &Window) -> Result<Page<Message>> {
        let caller = self.authenticate(caller).await?;
        let wanted = window.limit.get() + 1;
        let mut range = KeyRange::new(window);
        let mut conversations = Conversations::new();
        let mut messages = Vec::with_capacity(wanted);
        let mut step = wanted;
        let mut remaining = MAX_EXAMINED;
        let mut lacks_messages = false;
        let mut deletion = Ok(());
        let is_complete = loop {
            let entries = self.inbox_entries(caller, &range, step).await?;
            // Messages can be long: only as many as the page needs, unless some of them are missing.
            let at_most = if lacks_messages {
                step
            } else {
                wanted - messages.len()
            };
            let found = self
                .load_inbox_messages(&entries, at_most, caller, &mut conversations)
                .await?;
            lacks_messages |= found.lacks_messages;
            messages.extend(found.messages);
            if let Err(error) = self.delete_inbox_entries(caller, &found.stale).await {
                tracing::warn!(
                    error = chain(&error),
                    "failed to delete stale inbox entries"
                );
                deletion = Err(error);
            }
            remaining -= found.examined;
            let is_last = found.examined == entries.len() && entries.len() < step;
            match entries[..found.examined].last() {
                Some(&last) if !is_last && messages.len() < wanted => {
                    range.continue_after(last);
                }
                _ => break true,
            }
            if remaining == 0 {
                break false;
            }
            // As many as the page needs if the next entries are stale as often as those before.
            let missing = wanted - messages.len();
            let examined = MAX_EXAMINED - remaining;
            let needed = missing * examined / messages.len().max(1);
            step = needed.min(2 * step).min(remaining);
        };
        if messages.is_empty() && !is_complete {
            deletion?;
        }
        let page = super::page(messages, window);
        Ok(Page {
            has_more: page.has_more || !is_complete,
            data: self
                .render_messages(Some(caller), page.data, &conversations)
                .await?,
            examined_to: page.examined_to,
        })
    }

    /// Up to `limit` entries in the direction of the range; fewer only at its end.
    pub(in crate::store) async fn inbox_entries(
        &self,
        contact: ContactId,
        range: &KeyRange,
        limit: usize,
    ) -> Result<Vec<MessageId>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let query = self
            .db
            .query()
            .table_name(&self.tables.inbox)
            .consistent_read(true)
            .key_condition_expression(
                "contact_id = :contact AND message_id BETWEEN :first AND :last",
            )
            .expression_attribute_values(":contact", string_attr(contact))
            .expression_attribute_values(":first", string_attr(&range.first))
            .expression_attribute_values(":last", string_attr(&range.last))
            .scan_index_forward(range.direction == Direction::Newer);
        let items = query_items(query, limit).await?.into_iter();
        items
            .map(|item| Ok(from_item::<InboxEntry>(item)?.message_id))
            .collect()
    }

    /// Reads the conversations of some entries, then at most so many messages of those in which the caller takes
    /// part: what others say elsewhere is not read, however long it is. Two round trips.
    async fn load_inbox_messages(
        &self,
        entries: &[MessageId],
        at_most: usize,
        caller: ContactId,
        conversations: &mut Conversations,
    ) -> Result<InboxMessages> {
        self.load_unknown_conversations(entries, conversations)
            .await?;
        let takes_part = |id: &MessageId| {
            let conversation = conversations.get(&id.conversation());
            conversation.is_some_and(|conversation| conversation.participants.contains(&caller))
        };
        let mut found = InboxMessages::default();
        let mut readable = Vec::new();
        for id in entries {
            if readable.len() == at_most {
                break;
            }
            found.examined += 1;
            if takes_part(id) {
                readable.push(*id);
            } else {
                found.stale.push(*id);
            }
        }
        let keys = readable.iter().map(|&id| message::key(id));
        let batch = BatchGet::default().keys(&self.tables.messages, keys);
        let mut items = batch.send(&self.db).await?;
        let mut messages = self.take_messages(&mut items)?;
        // While a send is in flight, its inbox entry can be visible before its message.
        let settled = self.clock.now().before(MAX_IN_FLIGHT);
        for id in readable {
            match messages.remove(&id) {
                Some(message) => found.messages.push(message),
                None if id.created_at() > settled => found.lacks_messages = true,
                None => {
                    found.lacks_messages = true;
                    found.stale.push(id);
                }
            }
        }
        Ok(found)
    }

    /// Deletes the entries of these messages from a contact's inbox.
    pub(in crate::store) async fn delete_inbox_entries(
        &self,
        contact: ContactId,
        ids: &[MessageId],
    ) -> Result<()> {
        let table = self.tables.inbox.as_str();
        let keys = ids.iter().map(|&id| (table, inbox_entry::key(contact, id)));
        delete_all(&self.db, keys.collect()).await
    }
}
