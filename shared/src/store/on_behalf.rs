//! A server key that acts for a contact.

use super::Store;
use super::dynamodb::batch::BatchGet;
use super::dynamodb::item::{Item, from_item};
use super::items::contact::ContactItem;
use super::tokens::require;
use crate::caller::{Caller, Identity, Principal};
use crate::contact::{ContactRef, ExternalId};
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::key::{Scope, Scopes};

impl Store {
    /// Makes a server key act for a contact in everything that the request does. Two round trips: key; contact.
    /// One more for an external id, and one to record it in the audit trail, if the request may change something.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::BudgetExceeded`]; [`Error::KeyRequired`]; [`Error::ScopeMissing`];
    /// [`Error::OnBehalfOfRefused`] without such a contact, or if it is suspended.
    pub(super) async fn act_on_behalf(&self, caller: &Caller, contact: &str) -> Result<Identity> {
        let identity = self.read_token(caller).await?;
        let contact = match identity.principal {
            Principal::Contact(_) => Err(Error::KeyRequired {
                scope: Scope::Conversations,
            }),
            Principal::Server { key, scopes, .. } => {
                let contact = self.contact_to_act_for(identity, scopes, contact).await;
                contact.map(|contact| Principal::Server {
                    key,
                    scopes,
                    on_behalf_of: Some(contact),
                })
            }
        };
        // A caller is identified once. One that may not act for the contact has made the request all the same.
        let principal = *contact.as_ref().unwrap_or(&identity.principal);
        let identity = Identity {
            principal,
            ..identity
        };
        caller.identify(identity);
        contact.map(|_| identity)
    }

    async fn contact_to_act_for(
        &self,
        key: Identity,
        scopes: Scopes,
        contact: &str,
    ) -> Result<ContactId> {
        self.check_budget(key.payer())?;
        require(scopes, Scope::Conversations)?;
        // A malformed id cannot exist, so it gets the same error as an unknown one.
        let contact = contact.parse().map_err(|_| Error::OnBehalfOfRefused)?;
        let contact = self.load_referenced(&contact).await?;
        let active = contact.filter(|contact| contact.suspended_at.is_none());
        let contact = active.ok_or(Error::OnBehalfOfRefused)?.id;
        if let Some(key) = key.key() {
            self.audit_on_behalf(key, contact).await?;
        }
        Ok(contact)
    }

    /// The item of a contact that a server key names. One round trip, or two: external id; contact.
    pub(super) async fn load_referenced(
        &self,
        contact: &ContactRef,
    ) -> Result<Option<ContactItem>> {
        let attributes = self.load_referenced_attributes(contact).await?;
        attributes.map(from_item).transpose()
    }

    /// All attributes of a contact that a server key names. One round trip, or two: external id; contact.
    pub(super) async fn load_referenced_attributes(
        &self,
        contact: &ContactRef,
    ) -> Result<Option<Item>> {
        let id = match contact {
            ContactRef::Id(id) => Some(*id),
            ContactRef::External(external_id) => self.find_external(external_id).await?,
        };
        match id {
            Some(id) => self.load_contact_attributes(id).await,
            None => Ok(None),
        }
    }

    /// The id of a contact, which only a server key may name by its external id. `None` if there is none with the
    /// external id. One round trip for an external id.
    pub(super) async fn resolve(
        &self,
        caller: &Caller,
        contact: &ContactRef,
    ) -> Result<Option<ContactId>> {
        match contact {
            ContactRef::Id(id) => Ok(Some(*id)),
            ContactRef::External(external_id) if caller.is_server() => {
                self.find_external(external_id).await
            }
            ContactRef::External(_) => Ok(None),
        }
    }

    /// The contact with an external id. One round trip.
    pub(super) async fn find_external(
        &self,
        external_id: &ExternalId,
    ) -> Result<Option<ContactId>> {
        let batch = self.with_external_ids(BatchGet::default(), [external_id]);
        let mut items = batch.send(&self.db).await?;
        Ok(self
            .take_contacts(&mut items)?
            .external
            .into_values()
            .next())
    }
}
