//! Conversations: who takes part.
//!
//! Two contacts have one unnamed conversation of two because beginning it is an item of its own:
//! `id` is `@` and both contacts, `conversation_id` is which.

mod begin;
mod change;
mod leave;
mod participants;
mod records;
mod show;

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};

pub use begin::{Begun, NewConversation};
pub use change::ChangeOfConversation;
pub use records::Record;

pub(super) use begin::{Pair, pair_key};

use super::batch::{Batch, Found};
use super::write::delete_if;
use super::{Item, Store, read, s};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId};
use crate::time::Micros;

#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Row {
    pub id: ConversationId,
    /// To all others it does not exist. Empty once the last one leaves: a set that is empty is no attribute.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "serde_dynamo::string_set"
    )]
    pub participants: BTreeSet<ContactId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who began it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creator: Option<ContactId>,
    /// The item that says that these two have a conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
    /// The last to leave, while the messages are being removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<ContactId>,
    pub created_at: Micros,
}

impl Row {
    /// Whether this contact may say what it is called.
    fn is_named_by(&self, contact: ContactId) -> bool {
        let creator = self
            .creator
            .filter(|creator| self.participants.contains(creator));
        creator.is_none_or(|creator| creator == contact)
    }

    /// Whether this contact may say who takes part.
    fn check_is_managed_by(&self, contact: ContactId) -> Result<()> {
        if !self.is_named_by(contact) {
            return Err(Error::NotTheCreator { param: None });
        }
        if self.name.is_none() {
            return Err(Error::WithoutName);
        }
        Ok(())
    }
}

impl Store {
    /// The part of a transaction that lets two contacts begin anew, if they have this conversation as two.
    fn unpair(&self, row: &Row) -> Result<Option<TransactWriteItem>> {
        let table = &self.tables.conversations;
        let delete = |pair: &String| delete_if(table, pair_key(pair), "conversation_id", s(row.id));
        row.pair.as_ref().map(delete).transpose()
    }

    /// The conversations of a batch.
    pub(super) fn take_conversations(&self, found: &mut Found) -> Result<Vec<Row>> {
        found.take(&self.tables.conversations)
    }

    /// The caller, and the conversation, if there is one; not yet for the caller's eyes. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`].
    pub(super) async fn caller_and_row(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Result<(ContactId, Option<Row>)> {
        let batch = Batch::default().with(&self.tables.conversations, [key(id)]);
        let mut found = self.with_caller(batch, caller).get(&self.db).await?;
        let contact = self.take_caller(&mut found, caller)?;
        Ok((contact, self.take_conversations(&mut found)?.pop()))
    }

    /// The conversation, if there is one; not yet for the eyes of anybody. One round trip.
    pub(super) async fn conversation_row(&self, id: ConversationId) -> Result<Option<Row>> {
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.conversations)
            .set_key(Some(key(id)));
        let item = get.consistent_read(true).send().await?.item;
        item.map(read).transpose()
    }
}

pub(super) fn key(id: ConversationId) -> Item {
    Item::from([("id".to_owned(), s(id))])
}

/// The conversation, for one who takes part in it.
pub(super) fn visible(row: Option<Row>, contact: ContactId) -> Option<Row> {
    row.filter(|row| row.participants.contains(&contact))
}
