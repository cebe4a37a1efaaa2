//! The inbox: an entry per participant and message, which is what "all my messages" reads.

use std::collections::{BTreeSet, HashMap, HashSet};

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::write::put;
use super::{Item, Store, conversations, messages, read, s};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::message::Message;
use crate::page::{Direction, Page, Window};

#[derive(Deserialize, Serialize)]
struct Row {
    contact_id: ContactId,
    message_id: MessageId,
}

/// The part of an inbox still to be read: both ends are texts between ids, and inclusive.
struct Rest {
    first: String,
    last: String,
    direction: Direction,
}

/// Whether the reader takes part in a conversation, for those looked up so far.
type Membership = HashMap<ConversationId, bool>;

impl Store {
    /// A page of all messages of all the caller's conversations.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`].
    pub async fn inbox(&self, caller: &Caller, window: &Window) -> Result<Page<Message>> {
        let contact = self.authenticate(caller).await?;
        let wanted = window.limit.get() + 1;
        let mut rest = Rest::of(window);
        let mut membership = Membership::new();
        let mut rows = Vec::with_capacity(wanted);
        // One turn; another only where entries are left of what is gone or not the caller's any more.
        loop {
            let entries = self.entries(contact, &rest, wanted).await?;
            rows.extend(self.behind(&entries, contact, &mut membership).await?);
            match entries.last() {
                Some(&last) if entries.len() == wanted && rows.len() < wanted => {
                    rest.go_on_from(last);
                }
                _ => break,
            }
        }
        self.page(rows, window).await
    }

    /// Up to `limit` entries, nearest first; fewer only at the end.
    async fn entries(
        &self,
        contact: ContactId,
        rest: &Rest,
        limit: usize,
    ) -> Result<Vec<MessageId>> {
        let mut entries = Vec::with_capacity(limit);
        if rest.first > rest.last {
            return Ok(entries);
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
            .expression_attribute_values(":first", s(&rest.first))
            .expression_attribute_values(":last", s(&rest.last))
            .scan_index_forward(rest.direction == Direction::Newer);
        for item in super::query(query, limit).await? {
            entries.push(read::<Row>(item)?.message_id);
        }
        Ok(entries)
    }

    /// The messages behind `entries` that exist, in conversations that `contact` takes part in.
    async fn behind(
        &self,
        entries: &[MessageId],
        contact: ContactId,
        membership: &mut Membership,
    ) -> Result<Vec<messages::Row>> {
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
        let takes_part = |id: &&MessageId| {
            membership
                .get(&id.conversation())
                .copied()
                .unwrap_or_default()
        };
        Ok(entries
            .iter()
            .filter(takes_part)
            .filter_map(|id| messages.remove(id))
            .collect())
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
        let delete = |contact| {
            let key = Item::from([
                ("contact_id".to_owned(), s(contact)),
                ("message_id".to_owned(), s(id)),
            ]);
            let delete = Delete::builder()
                .table_name(&self.tables.inbox)
                .set_key(Some(key));
            let delete = delete.build().map_err(Error::internal)?;
            Ok(TransactWriteItem::builder().delete(delete).build())
        };
        participants.iter().map(delete).collect()
    }
}

impl Rest {
    fn of(window: &Window) -> Self {
        let first = MessageId::prefix(window.from);
        let last = window.until.map_or_else(after_all, MessageId::prefix);
        Self {
            first: window
                .newer_than()
                .map(just_after)
                .into_iter()
                .chain([first])
                .max()
                .unwrap_or_default(),
            last: window
                .older_than()
                .map(just_before)
                .into_iter()
                .chain([last])
                .min()
                .unwrap_or_default(),
            direction: window.direction(),
        }
    }

    fn go_on_from(&mut self, id: MessageId) {
        match self.direction {
            Direction::Older => self.last = just_before(id),
            Direction::Newer => self.first = just_after(id),
        }
    }
}

/// A text behind every id.
fn after_all() -> String {
    "~".to_owned()
}

/// The least text behind an id: no other id lies between.
fn just_after(id: MessageId) -> String {
    format!("{id}0")
}

/// A text before an id with no other id between: its last character less one, then what no id has.
fn just_before(id: MessageId) -> String {
    let mut text = id.to_string();
    let last = text
        .pop()
        .and_then(|last| char::from_u32(u32::from(last) - 1));
    text.extend(last);
    text.push('~');
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Micros;

    fn id() -> impl Strategy<Value = MessageId> {
        // Few different ones, so that neighbours meet.
        (0_u64..4, "[0zAZa9]{2}").prop_map(|(micros, end)| {
            MessageId::new(
                Micros(micros),
                format!("00000000000000{end}").parse().unwrap(),
            )
        })
    }

    proptest! {
        #[test]
        fn the_bounds_beside_an_id_part_all_others(a in id(), b in id()) {
            prop_assert_eq!(b.to_string() >= just_after(a), b > a);
            prop_assert_eq!(b.to_string() <= just_before(a), b < a);
            prop_assert!(b.to_string() < after_all());
        }
    }
}
