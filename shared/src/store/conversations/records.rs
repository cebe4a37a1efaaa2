//! Conversations as operators see them: whole, and in nobody's view.

use std::collections::BTreeSet;

use super::Row;
use crate::error::Result;
use crate::id::{ContactId, ConversationId};
use crate::store::{Store, read};
use crate::time::Micros;

/// What is kept of a conversation.
#[derive(Clone, Debug)]
pub struct Record {
    /// Names the conversation.
    pub id: ConversationId,
    /// What it is called, if anything.
    pub name: Option<String>,
    /// Who takes part; nobody while a closed one is being removed.
    pub participants: BTreeSet<ContactId>,
    /// Who began it, if somebody did through the API; it may have left since.
    pub creator: Option<ContactId>,
    /// Who was the last to leave.
    pub closed_by: Option<ContactId>,
    /// When it began.
    pub created_at: Micros,
}

impl From<Row> for Record {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            participants: row.participants,
            creator: row.creator,
            closed_by: row.closed_by,
            created_at: row.created_at,
        }
    }
}

impl Store {
    /// The conversation with this id, for operators.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn conversation_record(&self, id: ConversationId) -> Result<Option<Record>> {
        Ok(self.conversation_row(id).await?.map(Into::into))
    }

    /// Visits all conversations, for operators: it reads the whole table.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn each_conversation(&self, mut visit: impl FnMut(Record)) -> Result<()> {
        self.each(&self.tables.conversations, |item| {
            if !item.contains_key("conversation_id") {
                visit(read::<Row>(item)?.into());
            }
            Ok(())
        })
        .await
    }
}
