//! Deleting: one transaction that takes the message and its inbox entries away.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{Sight, check_version, key};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{ContactId, MessageId};
use crate::store::failure::Backoff;
use crate::store::write::delete_if;
use crate::store::{Store, n, s};
use crate::version::Expected;

impl Store {
    /// Deletes the message with this id, for good, if it is in one of the versions expected; done already
    /// is done.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::MessageNotFound`] for those who do not take part;
    /// [`Error::NotTheAuthor`]; [`Error::PreconditionFailed`].
    pub async fn delete(
        &self,
        caller: &Caller,
        id: MessageId,
        expected: Option<&Expected>,
    ) -> Result<()> {
        let mut backoff = Backoff::default();
        loop {
            let Sight {
                contact,
                conversation,
                row,
                ..
            } = self
                .look(caller, id, &BTreeSet::new(), &BTreeSet::new())
                .await?;
            let Some(row) = row else {
                return Ok(());
            };
            if row.contact_id != contact {
                return Err(Error::NotTheAuthor { param: None });
            }
            check_version(expected, &row)?;
            let condition = match expected {
                Some(Expected::OneOf(_)) => ("version", n(row.version.0)),
                _ => ("contact_id", s(row.contact_id)),
            };
            let participants = &conversation.participants;
            if self.remove(id, condition, participants).await? || expected.is_none() {
                return Ok(());
            }
            backoff.wait("the message keeps changing").await?;
        }
    }

    /// Deletes a message, if an attribute of it has this value, and its entries in these inboxes in one
    /// transaction; whether it was there and had.
    pub(super) async fn remove(
        &self,
        id: MessageId,
        (name, value): (&str, AttributeValue),
        participants: &BTreeSet<ContactId>,
    ) -> Result<bool> {
        let delete = delete_if(&self.tables.messages, key(id), name, value)?;
        let deletes = self.deletes(id, participants)?;
        let items = [delete].into_iter().chain(deletes).collect();
        Ok(self.transact(items).await?.is_empty())
    }
}
