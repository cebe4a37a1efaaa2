//! Deleting a message: one transaction deletes the message and its inbox entries.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;

use super::check_version;
use crate::caller::Caller;
use crate::error::{AuthorOnly, Error, Result};
use crate::id::{ContactId, MessageId};
use crate::store::Store;
use crate::store::dynamodb::item::{number_attr, string_attr};
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::delete_if;
use crate::store::items::message;
use crate::version::Expected;

impl Store {
    /// Deletes a message of the caller, if it is in one of the expected versions. Deleting a message that
    /// does not exist, in a conversation of the caller, succeeds. Two round trips.
    ///
    /// # Errors
    ///
    /// [`Error::MessageNotFound`] if the caller is not a participant; [`Error::NotTheAuthor`];
    /// [`Error::PreconditionFailed`].
    pub async fn delete_message(
        &self,
        caller: &Caller,
        id: MessageId,
        expected: Option<&Expected>,
    ) -> Result<()> {
        let mut backoff = Backoff::default();
        loop {
            let context = self
                .load_message_context(caller, id, &BTreeSet::new(), &BTreeSet::new())
                .await?;
            let Some(message) = context.message else {
                return Ok(());
            };
            if message.contact_id != context.caller {
                return Err(Error::NotTheAuthor(AuthorOnly::Deletion));
            }
            check_version(expected, &message)?;
            let condition = match expected {
                Some(Expected::OneOf(_)) => ("version", number_attr(message.version.0)),
                _ => ("contact_id", string_attr(message.contact_id)),
            };
            let participants = &context.conversation.participants;
            let deleted = self.delete_message_if(id, condition, participants).await?;
            if deleted || expected.is_none() {
                return Ok(());
            }
            backoff.wait("the message keeps changing").await?;
        }
    }

    /// Deletes a message, if this attribute has this value, and its inbox entries. Returns whether the
    /// condition held.
    pub(in crate::store) async fn delete_message_if(
        &self,
        id: MessageId,
        (attribute, value): (&str, AttributeValue),
        participants: &BTreeSet<ContactId>,
    ) -> Result<bool> {
        let key = message::key(id);
        let mut items = vec![delete_if(&self.tables.messages, key, attribute, value)?];
        items.extend(self.inbox_deletes(id, participants)?);
        self.transact(items).await
    }
}
