//! The table of acquaintances: what a contact has to do with another, in an item of each of the two.
//!
//! An item lists conversations that both share, so that it costs one read unit to learn whether they know
//! each other, and one query to list whom a contact knows. It lists 20 at most, which keeps it small.
//!
//! Items with the `contact_id` `directory` list all contacts, which the operator's server can page through.
//!
//! Items exist from version 0.1.0 on. A contact whose item with the `other_id` `*` is missing was created
//! before, and some of its acquaintances may be missing, until `cargo ops doctor --repair` adds them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::{ContactId, ConversationId};
use crate::store::dynamodb::item::{Item, string_attr};
use crate::time::Micros;

/// The most conversations in an item.
pub const MAX_CONVERSATIONS: u64 = 20;

/// The `other_id` of the item that marks a contact's acquaintances as complete.
pub const COMPLETE: &str = "*";

/// The `contact_id` of the items that list all contacts, for the operator's server.
pub const DIRECTORY: &str = "directory";

#[derive(Debug, Deserialize)]
pub struct Acquaintance {
    pub contact_id: ContactId,
    pub other_id: ContactId,
    /// Conversations that both share.
    #[serde(default, with = "serde_dynamo::string_set")]
    pub conversations: BTreeSet<ConversationId>,
    /// Until then, the other cannot ask the contact again.
    pub declined_until: Option<Micros>,
}

/// Marks a contact's acquaintances as complete.
#[derive(Serialize)]
pub struct CompleteMarker {
    contact_id: ContactId,
    other_id: &'static str,
}

impl CompleteMarker {
    pub fn new(contact_id: ContactId) -> Self {
        Self {
            contact_id,
            other_id: COMPLETE,
        }
    }
}

/// Lists a contact among all contacts.
#[derive(Deserialize, Serialize)]
pub struct DirectoryEntry {
    contact_id: String,
    pub other_id: ContactId,
}

impl DirectoryEntry {
    pub fn new(contact: ContactId) -> Self {
        Self {
            contact_id: DIRECTORY.to_owned(),
            other_id: contact,
        }
    }
}

/// The key of a contact among all contacts.
pub fn directory_key(contact: ContactId) -> Item {
    Item::from([
        ("contact_id".to_owned(), string_attr(DIRECTORY)),
        ("other_id".to_owned(), string_attr(contact)),
    ])
}

pub fn is_directory_entry(item: &Item) -> bool {
    item.get("contact_id") == Some(&string_attr(DIRECTORY))
}

pub fn key(contact: ContactId, other: ContactId) -> Item {
    Item::from([
        ("contact_id".to_owned(), string_attr(contact)),
        ("other_id".to_owned(), string_attr(other)),
    ])
}

/// The key of the marker.
pub fn complete_key(contact: ContactId) -> Item {
    Item::from([
        ("contact_id".to_owned(), string_attr(contact)),
        ("other_id".to_owned(), string_attr(COMPLETE)),
    ])
}

pub fn is_marker(item: &Item) -> bool {
    item.get("other_id") == Some(&string_attr(COMPLETE))
}
