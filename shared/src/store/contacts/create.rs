use std::collections::{BTreeMap, BTreeSet};

use crate::caller::Caller;
use crate::contact::{AvatarUrl, Contact, ExternalId, PhoneNumber, Username};
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::key::Scope;
use crate::metadata::Metadata;
use crate::store::Store;
use crate::store::dynamodb::transaction::{Transaction, put_new, transact};
use crate::store::items::acquaintance::{CompleteMarker, DirectoryEntry};
use crate::store::items::contact::{ContactItem, ExternalIdItem};
use crate::time::Micros;

/// The index of the external id in the transaction that creates a contact.
pub const EXTERNAL_ID: usize = 5;

/// What a contact is created with.
#[derive(Clone, Debug)]
pub struct ContactProfile {
    /// Its username.
    pub username: Username,
    /// Its phone number.
    pub phone_number: Option<PhoneNumber>,
    /// The URL of its avatar.
    pub avatar_url: Option<AvatarUrl>,
    /// Its metadata.
    pub metadata: Metadata,
    /// Its id in the operator's system.
    pub external_id: Option<ExternalId>,
}

/// A contact to be created.
#[derive(Clone, Debug)]
pub struct NewContact {
    /// Its id, which never changes.
    pub id: ContactId,
    /// What it is created with.
    pub profile: ContactProfile,
    /// Its latest request, if it is imported from another system.
    pub last_active_at: Option<Micros>,
    /// When it was created.
    pub created_at: Micros,
}

/// What came of creating a contact.
#[derive(Debug)]
pub enum CreatedContact {
    /// The contact is new.
    New(Contact),
    /// There is one with the external id, which has not been changed.
    Existing(Contact),
}

impl Store {
    /// Creates a contact, or returns the one that has the external id. Four round trips: key; external id;
    /// audit trail; transaction. Without an external id three; if the contact exists: key; external id; contact.
    ///
    /// # Errors
    ///
    /// [`Error::KeyRequired`]; [`Error::ScopeMissing`]; [`Error::UsernameTaken`]; [`Error::UsernameLikeId`].
    pub async fn create_contact(
        &self,
        caller: &Caller,
        profile: ContactProfile,
    ) -> Result<CreatedContact> {
        self.authenticate_key(caller, Scope::Contacts).await?;
        if profile.username.is_like_id() {
            return Err(Error::UsernameLikeId);
        }
        if let Some(external_id) = &profile.external_id
            && let Some(existing) = self.load_external(external_id).await?
        {
            return Ok(CreatedContact::Existing(existing.shown_to_operator()));
        }
        let contact = NewContact {
            id: ContactId::random(),
            profile,
            last_active_at: None,
            created_at: self.clock.now(),
        };
        self.audit(caller, contact.id).await?;
        match self.write_contact(&contact).await? {
            Transaction::Committed => {
                let contact = ContactItem::from(contact);
                Ok(CreatedContact::New(contact.shown_to_operator()))
            }
            Transaction::ConditionsFailed(failed) => {
                // Another request may have created it meanwhile.
                let existing = match &contact.profile.external_id {
                    Some(external_id) if failed.contains(&EXTERNAL_ID) => {
                        self.load_external(external_id).await?
                    }
                    _ => None,
                };
                let existing = existing.ok_or(Error::UsernameTaken)?;
                Ok(CreatedContact::Existing(existing.shown_to_operator()))
            }
        }
    }

    /// Writes a contact, its username and external id, its entry in the directory, and that all its acquaintances
    /// are stored.
    pub(in crate::store) async fn write_contact(
        &self,
        contact: &NewContact,
    ) -> Result<Transaction> {
        let table = &self.tables.contacts;
        let acquaintances = &self.tables.acquaintances;
        let mut items = vec![
            put_new(table, "id", &ContactItem::from(contact.clone()))?,
            put_new(acquaintances, "other_id", &CompleteMarker::new(contact.id))?,
            put_new(acquaintances, "other_id", &DirectoryEntry::new(contact.id))?,
        ];
        items.extend(self.take_username(&contact.profile.username, contact.id)?);
        if let Some(external_id) = &contact.profile.external_id {
            let external_id = ExternalIdItem::new(external_id, contact.id);
            items.push(put_new(table, "id", &external_id)?);
        }
        transact(&self.db, items).await
    }
}

impl From<NewContact> for ContactItem {
    fn from(contact: NewContact) -> Self {
        let profile = contact.profile;
        Self {
            id: contact.id,
            username: profile.username.into(),
            phone_number: profile.phone_number.map(Into::into),
            avatar_url: profile.avatar_url.map(Into::into),
            metadata: profile.metadata,
            last_active_at: contact.last_active_at,
            external_id: profile.external_id,
            suspended_at: None,
            blocks: BTreeSet::new(),
            released_usernames: BTreeMap::new(),
            created_at: contact.created_at,
        }
    }
}
