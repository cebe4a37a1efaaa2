//! The inbox table: one entry per participant and message, which the list of all messages reads.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::id::{ContactId, MessageId};
use crate::store::Store;
use crate::store::dynamodb::item::{Item, string_attr};
use crate::store::dynamodb::transaction::{delete, put_new};

#[derive(Deserialize, Serialize)]
pub struct InboxEntry {
    pub contact_id: ContactId,
    pub message_id: MessageId,
}

pub fn key(contact: ContactId, id: MessageId) -> Item {
    Item::from([
        ("contact_id".to_owned(), string_attr(contact)),
        ("message_id".to_owned(), string_attr(id)),
    ])
}

impl Store {
    /// Puts a new message into the inboxes of these participants.
    pub(in crate::store) fn inbox_puts(
        &self,
        id: MessageId,
        participants: &BTreeSet<ContactId>,
    ) -> Result<Vec<TransactWriteItem>> {
        let put = |&contact_id| {
            let entry = InboxEntry {
                contact_id,
                message_id: id,
            };
            put_new(&self.tables.inbox, "message_id", &entry)
        };
        participants.iter().map(put).collect()
    }

    /// Deletes the entries of a message, whether they exist or not.
    pub(in crate::store) fn inbox_deletes<'a>(
        &self,
        id: MessageId,
        participants: impl IntoIterator<Item = &'a ContactId>,
    ) -> Result<Vec<TransactWriteItem>> {
        let delete = |&contact| delete(&self.tables.inbox, key(contact, id));
        participants.into_iter().map(delete).collect()
    }
}
