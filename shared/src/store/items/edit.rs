//! The table of edits: what messages said before they were edited. The message counts them, and only the last
//! [`MAX_EDITS`] are kept: each takes the place of the one that is [`MAX_EDITS`] older.

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};

use super::message::MessageItem;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::message::{Edit, MAX_EDITS};
use crate::store::Store;
use crate::store::dynamodb::item::{Item, string_attr};
use crate::store::dynamodb::transaction::{delete, put};
use crate::time::Micros;

#[derive(Deserialize, Serialize)]
pub struct EditItem {
    pub conversation_id: ConversationId,
    pub id: String,
    /// The author.
    pub contact_id: ContactId,
    /// The text until then.
    pub message: String,
    pub edited_at: Micros,
}

impl EditItem {
    /// How many edits of the message have been recorded since, given how many have been recorded in all.
    pub fn age(&self, count: u64) -> u64 {
        let number = self.id.get(9..).and_then(|number| number.parse().ok());
        (count + MAX_EDITS - 1 - number.unwrap_or(0) % MAX_EDITS) % MAX_EDITS
    }

    /// The message that was edited.
    pub fn message_id(&self) -> Result<MessageId> {
        let created_at = self.id.get(..9).and_then(MessageId::moment);
        let created_at = created_at.ok_or_else(|| Error::internal(self.id.as_str()))?;
        Ok(MessageId::new(created_at, self.conversation_id))
    }
}

impl From<EditItem> for Edit {
    fn from(item: EditItem) -> Self {
        Self {
            message: item.message,
            edited_at: item.edited_at.into(),
        }
    }
}

/// The key of an edit of a message, of which this is the number.
fn id(message: MessageId, number: u64) -> String {
    let prefix = prefix(message);
    format!("{prefix}{:02}", number % MAX_EDITS)
}

/// The beginning of the ids of all edits of a message.
pub fn prefix(message: MessageId) -> String {
    MessageId::prefix(message.created_at())
}

pub fn key(conversation: ConversationId, id: &str) -> Item {
    Item::from([
        ("conversation_id".to_owned(), string_attr(conversation)),
        ("id".to_owned(), string_attr(id)),
    ])
}

/// The keys of the recorded edits of a message.
pub fn keys(message: &MessageItem) -> impl Iterator<Item = Item> {
    let (id_of_message, conversation) = (message.id(), message.conversation_id);
    let recorded = message.edits.unwrap_or_default().min(MAX_EDITS);
    (0..recorded).map(move |number| key(conversation, &id(id_of_message, number)))
}

impl Store {
    /// Records what a message says, before it is edited.
    pub(in crate::store) fn record_edit(
        &self,
        message: &MessageItem,
        edited_at: Micros,
    ) -> Result<TransactWriteItem> {
        let edit = EditItem {
            conversation_id: message.conversation_id,
            id: id(message.id(), message.edits.unwrap_or_default()),
            contact_id: message.contact_id,
            message: message.message.clone(),
            edited_at,
        };
        put(&self.tables.edits, &edit)
    }

    /// Deletes the recorded edits of a message.
    pub(in crate::store) fn edit_deletes(
        &self,
        message: &MessageItem,
    ) -> Result<Vec<TransactWriteItem>> {
        let delete = |key| delete(&self.tables.edits, key);
        keys(message).map(delete).collect()
    }
}
