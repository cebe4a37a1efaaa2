use std::collections::BTreeSet;

use super::Admin;
use crate::conversation::Name;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId};
use crate::store::items::conversation::{ConversationItem, ConversationTableItem};
use crate::time::Micros;

/// A conversation as it is stored.
#[derive(Clone, Debug)]
pub struct ConversationRecord {
    /// Its id.
    pub id: ConversationId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its participants; none while a closed conversation is being deleted.
    pub participants: BTreeSet<ContactId>,
    /// The contact that created it through the API. It may have left.
    pub creator: Option<ContactId>,
    /// The last participant who left.
    pub closed_by: Option<ContactId>,
    /// When it was created.
    pub created_at: Micros,
}

impl From<ConversationItem> for ConversationRecord {
    fn from(item: ConversationItem) -> Self {
        Self {
            id: item.id,
            name: item.name,
            participants: item.participants,
            creator: item.creator,
            closed_by: item.closed_by,
            created_at: item.created_at,
        }
    }
}

impl Admin {
    /// Creates a conversation of these contacts, which all of them may manage.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`] if the id is taken; [`Error::InvalidParticipantCount`], also without any.
    pub async fn create_conversation(
        &self,
        id: ConversationId,
        participants: BTreeSet<ContactId>,
        name: Option<Name>,
    ) -> Result<()> {
        if participants.is_empty() {
            return Err(Error::InvalidParticipantCount { count: 0 });
        }
        let conversation = ConversationItem {
            id,
            participants,
            name: name.map(Into::into),
            creator: None,
            pair: None,
            closed_by: None,
            created_at: self.store.clock.now(),
        };
        if self.store.write_conversation(&conversation).await? {
            Ok(())
        } else {
            Err(Error::AlreadyExists)
        }
    }

    /// Returns the conversation with this id.
    pub async fn get_conversation(&self, id: ConversationId) -> Result<Option<ConversationRecord>> {
        Ok(self.store.load_conversation(id).await?.map(Into::into))
    }

    /// Visits all conversations. Scans the table.
    pub async fn list_conversations(
        &self,
        mut visit: impl FnMut(ConversationRecord),
    ) -> Result<()> {
        let table = &self.store.tables.conversations;
        self.store
            .scan(table, |item| {
                let item = ConversationTableItem::from_item(item)?;
                if let ConversationTableItem::Conversation(conversation) = item {
                    visit(conversation.into());
                }
                Ok(())
            })
            .await
    }
}
