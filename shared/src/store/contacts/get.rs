use std::collections::BTreeSet;

use futures_util::future::join;

use crate::caller::Caller;
use crate::contact::{Contact, ContactRef, Relation};
use crate::error::{Error, Result};
use crate::key::Scope;
use crate::store::Store;
use crate::store::tokens::contact_or_key;
use crate::store::viewer::shown_to;

impl Store {
    /// Returns the caller, or a contact that shares a conversation with the caller; for a server key, any contact.
    /// Two round trips: token; both contacts ‖ acquaintance. One more for an external id.
    ///
    /// # Errors
    ///
    /// [`Error::ContactNotFound`], also for a contact that shares no conversation with the caller;
    /// [`Error::ScopeMissing`].
    pub async fn get_contact(&self, caller: &Caller, contact: &ContactRef) -> Result<Contact> {
        let Some(own) = contact_or_key(self.identify(caller).await?, Scope::Contacts)? else {
            let contact = self.managed_contact(contact).await?;
            return Ok(contact.shown_to_operator());
        };
        let id = self.resolve(caller, contact).await?;
        let (id, caller) = (id.ok_or(Error::ContactNotFound)?, own);
        let ids = BTreeSet::from([caller, id]);
        let reads = join(self.load_profiles(&ids), self.relation(caller, id));
        let (profiles, relation) = reads.await;
        match relation? {
            Relation::Stranger => Err(Error::ContactNotFound),
            relation => Ok(shown_to(caller, &profiles?, id, relation)),
        }
    }
}
