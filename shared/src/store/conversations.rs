//! Conversations: who takes part.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::batch::Found;
use super::{Item, Store, read, s};
use crate::conversation::{Conversation, MAX_PARTICIPANTS};
use crate::error::{Invalid, Result};
use crate::id::{ContactId, ConversationId};
use crate::time::Micros;

#[derive(Deserialize, Serialize)]
struct Row {
    id: ConversationId,
    #[serde(with = "serde_dynamo::string_set")]
    participants: BTreeSet<ContactId>,
    created_at: Micros,
}

impl From<Row> for Conversation {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            participants: row.participants,
        }
    }
}

impl Store {
    /// Adds a conversation of these participants.
    ///
    /// # Errors
    ///
    /// [`crate::Error::AlreadyExists`] if the id is taken, [`crate::Error::Invalid`] if there are too few or too many.
    pub async fn add_conversation(&self, conversation: Conversation) -> Result<()> {
        let Conversation { id, participants } = conversation;
        if participants.is_empty() || participants.len() > MAX_PARTICIPANTS {
            let problem = format_args!(
                "must be 1 to {MAX_PARTICIPANTS} contacts, was {}",
                participants.len()
            );
            return Err(Invalid::value("participants", problem).into());
        }
        let row = Row {
            id,
            participants,
            created_at: self.clock.now(),
        };
        self.add(&self.tables.conversations, "id", &row).await
    }

    /// The conversations of a batch.
    pub(super) fn take_conversations(&self, found: &mut Found) -> Result<Vec<Conversation>> {
        let rows: Vec<Row> = found.take(&self.tables.conversations)?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// The conversation, if there is one; not yet for the eyes of anybody. One round trip.
    pub(super) async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>> {
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.conversations)
            .set_key(Some(key(id)));
        let item = get.consistent_read(true).send().await?.item;
        Ok(item.map(read::<Row>).transpose()?.map(Into::into))
    }
}

pub(super) fn key(id: ConversationId) -> Item {
    Item::from([("id".to_owned(), s(id))])
}
