//! The inbox: an entry per participant and message, which is what "all my messages" reads.

use std::collections::{BTreeSet, HashMap, HashSet};

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::span::Span;
use super::write::{delete, put};
use super::{Item, Store, conversations, messages, read, s};
use crate::caller::Caller;
use crate::error::{Result, chain};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::message::Message;
use crate::page::{Direction, Page, Window};
use crate::time::Micros;

#[derive(Deserialize, Serialize)]
pub(super) struct Row {
    pub contact_id: ContactId,
    pub message_id: MessageId,
}

/// How long a send may be under way, in microseconds.
const IN_FLIGHT: u64 = 60_000_000;

/// What is behind some entries.
#[derive(Default)]
struct Behind {
    found: Vec<messages::Row>,
    /// The entries behind which there is nothing for their owner.
    dead: Vec<MessageId>,
}

/// Whether the reader takes part in a conversation, for those looked up so far.
type Membership = HashMap<ConversationId, bool>;

impl Store {
    /// A page of all messages of all the caller's conversations.
    ///
    /// Entries that it meets of what is gone, or not the caller's any more, it removes.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Unauthenticated`].
    pub async fn inbox(&self, caller: &Caller, window: &Window) -> Result<Page<Message>> {
        let contact = self.authenticate(caller).await?;
        let wanted = window.limit.get() + 1;
        let mut span = Span::of(window);
        let mut membership = Membership::new();
        let mut rows = Vec::with_capacity(wanted);
        // One turn; another only where such entries are left.
        loop {
            let entries = self.entries(contact, &span, wanted).await?;
            let Behind { found, dead } = self.behind(&entries, contact, &mut membership).await?;
            rows.extend(found);
            if let Err(error) = self.remove_from_inbox(contact, &dead).await {
                tracing::warn!(error = chain(&error), "dead entries stay in an inbox");
            }
            match entries.last() {
                Some(&last) if entries.len() == wanted && rows.len() < wanted => {
                    span.go_on_from(last);
                }
                _ => break,
            }
        }
        self.page(rows, window).await
    }

    /// Up to `limit` entries, nearest first; fewer only at the end.
    pub(super) async fn entries(
        &self,
        contact: ContactId,
        span: &Span,
        limit: usize,
    ) -> Result<Vec<MessageId>> {
        if span.is_empty() {
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
            .expression_attribute_values(":contact", s(contact))
            .expression_attribute_values(":first", s(&span.first))
            .expression_attribute_values(":last", s(&span.last))
            .scan_index_forward(span.direction == Direction::Newer);
        let items = super::query(query, limit).await?.into_iter();
        items
            .map(|item| Ok(read::<Row>(item)?.message_id))
            .collect()
    }

    /// The messages behind `entries` that exist, in conversations that `contact` takes part in.
    async fn behind(
        &self,
        entries: &[MessageId],
        contact: ContactId,
        membership: &mut Membership,
    ) -> Result<Behind> {
        let unknown: HashSet<_> = entries.iter().map(MessageId::conversation).collect();
        let unknown: Vec<_> = unknown
            .into_iter()
            .filter(|id| !membership.contains_key(id))
            .collect();
        let mut found = Batch::default()
            .with(
                &self.tables.messages,
                entries.iter().map(|&id| messages::key(id)),
            )
            .with(
                &self.tables.conversations,
                unknown.into_iter().map(conversations::key),
            )
            .get(&self.db)
            .await?;
        for conversation in self.take_conversations(&mut found)? {
            membership.insert(
                conversation.id,
                conversation.participants.contains(&contact),
            );
        }
        let mut messages = self.take_messages(&mut found)?;
        // Of a send in flight, the entry can be seen before the message.
        let settled = Micros(self.clock.now().0.saturating_sub(IN_FLIGHT));
        let mut behind = Behind::default();
        for &id in entries {
            let takes_part = membership.get(&id.conversation()) == Some(&true);
            match messages.remove(&id) {
                Some(row) if takes_part => behind.found.push(row),
                None if takes_part && id.created_at() > settled => {}
                _ => behind.dead.push(id),
            }
        }
        Ok(behind)
    }

    /// Removes the entries of these messages from somebody's inbox.
    pub(super) async fn remove_from_inbox(
        &self,
        contact: ContactId,
        ids: &[MessageId],
    ) -> Result<()> {
        let table = self.tables.inbox.as_str();
        let keys = ids.iter().map(|&id| (table, key(contact, id)));
        self.delete_all(keys.collect()).await
    }

    /// The part of a send that puts a message into the inbox of each participant.
    pub(super) fn puts(
        &self,
        id: MessageId,
        participants: &BTreeSet<ContactId>,
    ) -> Result<Vec<TransactWriteItem>> {
        let put = |&contact_id| {
            let row = Row {
                contact_id,
                message_id: id,
            };
            put(&self.tables.inbox, "message_id", &row)
        };
        participants.iter().map(put).collect()
    }

    /// The part of a delete that takes a message out of them; an entry may be missing.
    pub(super) fn deletes(
        &self,
        id: MessageId,
        participants: &BTreeSet<ContactId>,
    ) -> Result<Vec<TransactWriteItem>> {
        let delete = |&contact| delete(&self.tables.inbox, key(contact, id));
        participants.iter().map(delete).collect()
    }
}

pub(super) fn key(contact: ContactId, id: MessageId) -> Item {
    Item::from([
        ("contact_id".to_owned(), s(contact)),
        ("message_id".to_owned(), s(id)),
    ])
}
