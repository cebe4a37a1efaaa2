//! The table of contacts: a contact, a username, the username of an erased contact, an external id, and a server key.
//!
//! Usernames are unique because each is an item of its own: its `id` is `@` and the username in lower
//! case, its `contact_id` is the owner, or the one who gave it up at `released_at`.
//!
//! Of the username of an erased contact only a hash is kept: `#` and the SHA-256 of the username in lower
//! case, in hexadecimal digits.
//!
//! External ids are unique in the same way: `external:` and the external id. A JSON Web Token is looked up by that item,
//! so it also says whether the contact is suspended.
//!
//! How far an erasure is, is in an item of its own as well (`erasure`).
//!
//! What the requests of a server key have spent is in an item whose `id` is `key:` and the id of the key.
//!
//! A contact also has when each of its tokens was last used, in an attribute per token, so that the write of
//! `last_active_at` can store it, too.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::caller::Payer;
use crate::contact::{Contact, ExternalId, Profile, Username};
use crate::error::{Error, Result};
use crate::id::{ContactId, TokenId};
use crate::metadata::Metadata;
use crate::store::Store;
use crate::store::dynamodb::batch::{BatchGet, BatchItems};
use crate::store::dynamodb::item::{Item, from_item, string_attr};
use crate::store::items::erasure::{self, ErasureItem};
use crate::time::{Micros, Seconds};

/// Begins the `id` of an external id's item.
const EXTERNAL_ID: &str = "external:";

/// Begins the names of the attributes that have when a token was last used.
const USED: &str = "used:";

#[derive(Clone, Deserialize, Serialize)]
pub struct ContactItem {
    pub id: ContactId,
    pub username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_active_at: Option<Micros>,
    /// Its id in the operator's system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    /// Since when it can have no tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspended_at: Option<Micros>,
    /// The contacts that it has blocked.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "serde_dynamo::string_set"
    )]
    pub blocks: BTreeSet<ContactId>,
    /// The usernames that it gave up, in lower case, and when: those that may still be taken because of that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub released_usernames: BTreeMap<String, Micros>,
    pub created_at: Micros,
}

#[derive(Deserialize, Serialize)]
pub struct UsernameItem {
    pub id: String,
    pub contact_id: ContactId,
    /// When the contact gave it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Micros>,
}

#[derive(Deserialize, Serialize)]
pub struct ExternalIdItem {
    pub id: String,
    pub contact_id: ContactId,
    /// As of the contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspended_at: Option<Micros>,
}

/// What a server key spends. It has the attributes that a contact has for that.
#[derive(Serialize)]
pub struct KeyAccountItem {
    pub id: String,
}

#[derive(Deserialize, Serialize)]
pub struct ErasedUsernameItem {
    pub id: String,
}

/// An item of the table.
pub enum ContactTableItem {
    Contact(ContactItem),
    Username(UsernameItem),
    ErasedUsername,
    ExternalId(ExternalIdItem),
    /// Of this server key.
    KeyAccount(TokenId),
    /// How far the erasure of a contact is.
    Erasure(ErasureItem),
}

impl ContactTableItem {
    pub fn from_item(item: Item) -> Result<Self> {
        let id = item.get("id").and_then(|id| id.as_s().ok());
        let id = id.map(String::as_str).unwrap_or_default();
        if id.starts_with('@') {
            from_item(item).map(Self::Username)
        } else if id.starts_with('#') {
            Ok(Self::ErasedUsername)
        } else if id.starts_with(EXTERNAL_ID) {
            from_item(item).map(Self::ExternalId)
        } else if let Some(key) = id.strip_prefix("key:") {
            key.parse().map(Self::KeyAccount).map_err(Error::internal)
        } else if id.starts_with(erasure::PREFIX) {
            from_item(item).map(Self::Erasure)
        } else {
            from_item(item).map(Self::Contact)
        }
    }
}

impl ExternalIdItem {
    pub fn new(external_id: &ExternalId, contact_id: ContactId) -> Self {
        Self {
            id: external_item_id(external_id),
            contact_id,
            suspended_at: None,
        }
    }

    pub fn external_id(&self) -> &str {
        self.id.strip_prefix(EXTERNAL_ID).unwrap_or_default()
    }
}

impl KeyAccountItem {
    pub fn new(key: TokenId) -> Self {
        Self {
            id: format!("key:{key}"),
        }
    }
}

impl UsernameItem {
    pub fn new(username: &Username, contact_id: ContactId) -> Self {
        Self {
            id: format!("@{}", username.folded()),
            contact_id,
            released_at: None,
        }
    }

    /// The username in lower case.
    pub fn folded(&self) -> &str {
        self.id.trim_start_matches('@')
    }
}

impl ErasedUsernameItem {
    pub fn new(folded: &str) -> Self {
        let hash = base16ct::lower::encode_string(&Sha256::digest(folded));
        Self {
            id: format!("#{hash}"),
        }
    }
}

impl From<ContactItem> for Profile {
    fn from(item: ContactItem) -> Self {
        let contact = Contact {
            id: item.id,
            username: Some(item.username),
            phone_number: item.phone_number,
            avatar_url: item.avatar_url,
            metadata: item.metadata,
            last_active_at: item.last_active_at.map(Into::into),
            created_at: Some(item.created_at.into()),
            external_id: item.external_id,
            suspended_at: item.suspended_at.map(Into::into),
        };
        Self::new(contact, item.blocks)
    }
}

/// The attribute of a contact that has when this token was last used.
pub fn used_attribute(token: TokenId) -> String {
    format!("{USED}{token}")
}

/// When each token of a contact was last used.
pub fn last_used(item: &Item) -> HashMap<TokenId, Seconds> {
    let used = item.iter().filter_map(|(name, value)| {
        let token = name.strip_prefix(USED)?.parse().ok()?;
        let seconds = value.as_n().ok()?.parse().ok()?;
        Some((token, Seconds(seconds)))
    });
    used.collect()
}

/// The key of a contact.
pub fn key(id: ContactId) -> Item {
    Item::from([("id".to_owned(), string_attr(id))])
}

/// The key of the item that has what was spent, and the latest activity.
pub fn payer_key(payer: Payer) -> Item {
    match payer {
        Payer::Contact(id) => key(id),
        Payer::Key(id) => {
            let KeyAccountItem { id } = KeyAccountItem::new(id);
            Item::from([("id".to_owned(), string_attr(id))])
        }
    }
}

/// The key of an external id.
pub fn external_id_key(external_id: &ExternalId) -> Item {
    let id = external_item_id(external_id);
    Item::from([("id".to_owned(), string_attr(id))])
}

fn external_item_id(external_id: &ExternalId) -> String {
    format!("{EXTERNAL_ID}{external_id}")
}

/// The key of a username in lower case.
pub fn username_key(folded: &str) -> Item {
    Item::from([("id".to_owned(), string_attr(format_args!("@{folded}")))])
}

/// The key of the username of an erased contact.
pub fn erased_username_key(folded: &str) -> Item {
    let ErasedUsernameItem { id } = ErasedUsernameItem::new(folded);
    Item::from([("id".to_owned(), string_attr(id))])
}

/// The contacts and username owners that a batch returned.
#[derive(Default)]
pub struct FoundContacts {
    pub profiles: HashMap<ContactId, Profile>,
    /// The owners by username in lower case. One that was given up has none.
    pub owners: HashMap<String, ContactId>,
    /// The contacts by external id.
    pub external: HashMap<String, ContactId>,
}

impl FoundContacts {
    /// The requested contacts. One that does not exist has been erased.
    pub fn requested(self, ids: &BTreeSet<ContactId>) -> HashMap<ContactId, Profile> {
        let erased = ids.iter().map(|&id| (id, Profile::erased(id)));
        let mut profiles: HashMap<_, _> = erased.collect();
        profiles.extend(self.profiles);
        profiles
    }
}

impl Store {
    /// Adds contacts to a batch.
    pub(in crate::store) fn with_contacts(
        &self,
        batch: BatchGet,
        ids: &BTreeSet<ContactId>,
    ) -> BatchGet {
        batch.keys(&self.tables.contacts, ids.iter().copied().map(key))
    }

    /// Adds external ids to a batch.
    pub(in crate::store) fn with_external_ids<'a>(
        &self,
        batch: BatchGet,
        ids: impl IntoIterator<Item = &'a ExternalId>,
    ) -> BatchGet {
        let keys = ids.into_iter().map(external_id_key);
        batch.keys(&self.tables.contacts, keys)
    }

    /// Adds usernames in lower case to a batch.
    pub(in crate::store) fn with_usernames(
        &self,
        batch: BatchGet,
        folded: &BTreeSet<String>,
    ) -> BatchGet {
        let keys = folded.iter().map(|folded| username_key(folded));
        batch.keys(&self.tables.contacts, keys)
    }

    pub(in crate::store) fn take_contacts(&self, items: &mut BatchItems) -> Result<FoundContacts> {
        let mut found = FoundContacts::default();
        for item in items.take_items(&self.tables.contacts) {
            match ContactTableItem::from_item(item)? {
                ContactTableItem::Contact(contact) => {
                    found.profiles.insert(contact.id, contact.into());
                }
                ContactTableItem::Username(username) if username.released_at.is_none() => {
                    let folded = username.folded().to_owned();
                    found.owners.insert(folded, username.contact_id);
                }
                ContactTableItem::ExternalId(external) => {
                    found
                        .external
                        .insert(external.external_id().to_owned(), external.contact_id);
                }
                ContactTableItem::Username(_)
                | ContactTableItem::ErasedUsername
                | ContactTableItem::KeyAccount(_)
                | ContactTableItem::Erasure(_) => {}
            }
        }
        Ok(found)
    }
}
