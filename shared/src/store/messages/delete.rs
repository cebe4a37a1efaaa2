//! Deleting: one transaction that takes the message and its inbox entries away.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};

use super::{Sight, key};
use crate::caller::Caller;
use crate::conversation::Conversation;
use crate::error::{Error, Result};
use crate::id::{ContactId, MessageId};
use crate::store::{Store, s};

impl Store {
    /// Deletes the message with this id, for good; done already is done.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::MessageNotFound`] for those who do not take part;
    /// [`Error::NotTheAuthor`].
    pub async fn delete(&self, caller: &Caller, id: MessageId) -> Result<()> {
        let Sight {
            contact,
            conversation,
            row,
            ..
        } = self.look(caller, id, &BTreeSet::new()).await?;
        match row {
            None => Ok(()),
            Some(row) if row.contact_id != contact => Err(Error::NotTheAuthor { param: None }),
            Some(row) => self.remove(id, row.contact_id, &conversation).await,
        }
    }

    /// Deletes a message and its inbox entries in one transaction.
    async fn remove(
        &self,
        id: MessageId,
        author: ContactId,
        conversation: &Conversation,
    ) -> Result<()> {
        let delete = Delete::builder()
            .table_name(&self.tables.messages)
            .set_key(Some(key(id)))
            .condition_expression("contact_id = :author")
            .expression_attribute_values(":author", s(author))
            .build()
            .map_err(Error::internal)?;
        let delete = TransactWriteItem::builder().delete(delete).build();
        let deletes = self.deletes(id, &conversation.participants)?;
        let items = [delete].into_iter().chain(deletes).collect();
        // If the condition does not hold, somebody else has deleted it meanwhile.
        self.transact(items).await.map(drop)
    }
}
