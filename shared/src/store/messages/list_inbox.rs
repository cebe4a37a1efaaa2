use std::collections::{HashMap, HashSet};

use crate::caller::Caller;
use crate::error::{Result, chain};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::message::Message;
use crate::page::{Direction, Page, Window};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::item::{from_item, string_attr};
use crate::store::dynamodb::query::query_items;
use crate::store::items::conversation;
use crate::store::items::inbox_entry::{self, InboxEntry};
use crate::store::items::message::{self, MessageItem};
use crate::store::key_range::KeyRange;
use crate::time::MAX_IN_FLIGHT;

/// The messages of some inbox entries.
#[derive(Default)]
struct InboxMessages {
    messages: Vec<MessageItem>,
    /// Entries whose message is deleted, or whose conversation the owner has left.
    stale: Vec<MessageId>,
}

/// Whether the caller is a participant of a conversation, for the conversations loaded so far.
type ParticipantOf = HashMap<ConversationId, bool>;

impl Store {
    /// Returns a page of all messages of all the caller's conversations. Four round trips: token, inbox,
    /// messages and conversations, contacts. More if it meets stale entries, which it deletes.
    pub async fn list_inbox(&self, caller: &Caller, window: &Window) -> Result<Page<Message>> {
        let caller = self.authenticate(caller).await?;
        let wanted = window.limit.get() + 1;
        let mut range = KeyRange::new(window);
        let mut participant_of = ParticipantOf::new();
        let mut messages = Vec::with_capacity(wanted);
        loop {
            let entries = self.inbox_entries(caller, &range, wanted).await?;
            let found = self
                .load_inbox_messages(&entries, caller, &mut participant_of)
                .await?;
            messages.extend(found.messages);
            if let Err(error) = self.delete_inbox_entries(caller, &found.stale).await {
                tracing::warn!(
                    error = chain(&error),
                    "failed to delete stale inbox entries"
                );
            }
            match entries.last() {
                Some(&last) if entries.len() == wanted && messages.len() < wanted => {
                    range.continue_after(last);
                }
                _ => break,
            }
        }
        let page = super::list::page(messages, window);
        self.render_messages(page, HashMap::new()).await
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

    async fn load_inbox_messages(
        &self,
        entries: &[MessageId],
        caller: ContactId,
        participant_of: &mut ParticipantOf,
    ) -> Result<InboxMessages> {
        let conversations: HashSet<_> = entries.iter().map(MessageId::conversation).collect();
        let unknown: Vec<_> = conversations
            .into_iter()
            .filter(|id| !participant_of.contains_key(id))
            .collect();
        let mut items = BatchGet::default()
            .keys(
                &self.tables.messages,
                entries.iter().map(|&id| message::key(id)),
            )
            .keys(
                &self.tables.conversations,
                unknown.into_iter().map(conversation::key),
            )
            .send(&self.db)
            .await?;
        for conversation in self.take_conversations(&mut items)? {
            let is_participant = conversation.participants.contains(&caller);
            participant_of.insert(conversation.id, is_participant);
        }
        let mut messages = self.take_messages(&mut items)?;
        // While a send is in flight, its inbox entry can be visible before its message.
        let settled = self.clock.now().before(MAX_IN_FLIGHT);
        let mut found = InboxMessages::default();
        for &id in entries {
            let is_participant = participant_of.get(&id.conversation()) == Some(&true);
            match messages.remove(&id) {
                Some(message) if is_participant => found.messages.push(message),
                None if is_participant && id.created_at() > settled => {}
                _ => found.stale.push(id),
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
        self.delete_all(keys.collect()).await
    }
}
