use std::collections::BTreeSet;

use serde::Deserialize;

use super::Admin;
use crate::conversation::Name;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId};
use crate::metadata::Metadata;
use crate::store::acquaintances::pairs_among;
use crate::store::dynamodb::item::{from_item, string_attr};
use crate::store::dynamodb::query::{NO_LIMIT, query_items};
use crate::store::items::conversation::{ConversationItem, ConversationTableItem};
use crate::store::items::read_log::ReadLog;
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
            pending: BTreeSet::new(),
            name: name.map(Into::into),
            metadata: Metadata::default(),
            creator: None,
            pair: None,
            was_of_two: None,
            pinned_messages: BTreeSet::new(),
            closed_at: None,
            closed_by: None,
            read_log: ReadLog::default(),
            created_at: self.store.clock.now(),
        };
        if self.store.write_conversation(&conversation, None).await? {
            let pairs = pairs_among(&conversation.participants);
            self.store.record_acquaintances(id, &pairs).await
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
        self.scan(table, |item| {
            let item = ConversationTableItem::from_item(item)?;
            if let ConversationTableItem::Conversation(conversation) = item {
                visit((*conversation).into());
            }
            Ok(())
        })
        .await
    }

    /// Visits the conversations in which a contact participates.
    pub async fn list_conversations_of(
        &self,
        contact: ContactId,
        mut visit: impl FnMut(ConversationRecord),
    ) -> Result<()> {
        #[derive(Deserialize)]
        struct Key {
            conversation_id: ConversationId,
        }
        let query = self
            .store
            .db
            .query()
            .table_name(&self.store.tables.memberships)
            .consistent_read(true)
            .key_condition_expression("contact_id = :contact")
            .expression_attribute_values(":contact", string_attr(contact))
            .projection_expression("conversation_id");
        for key in query_items(query, NO_LIMIT).await? {
            let Key { conversation_id } = from_item(key)?;
            let conversation = self.get_conversation(conversation_id).await?;
            if let Some(record) = conversation.filter(|it| it.participants.contains(&contact)) {
                visit(record);
            }
        }
        Ok(())
    }
}
