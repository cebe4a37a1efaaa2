//! Deleting: one transaction that takes the message and its inbox entries away.

use std::collections::BTreeSet;

use super::{Sight, key};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{ContactId, MessageId};
use crate::store::write::delete_if;
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
            Some(row) => {
                self.remove(id, row.contact_id, &conversation.participants)
                    .await
            }
        }
    }

    /// Deletes a message and its entries in these inboxes in one transaction.
    pub(super) async fn remove(
        &self,
        id: MessageId,
        author: ContactId,
        participants: &BTreeSet<ContactId>,
    ) -> Result<()> {
        let delete = delete_if(&self.tables.messages, key(id), "contact_id", s(author))?;
        let deletes = self.deletes(id, participants)?;
        let items = [delete].into_iter().chain(deletes).collect();
        // If the condition does not hold, somebody else has deleted it meanwhile.
        self.transact(items).await.map(drop)
    }
}
