use crate::caller::Caller;
use crate::contact::{Contact, ExternalId};
use crate::error::Result;
use crate::key::Scope;
use crate::store::Store;
use crate::store::items::contact::ContactItem;

impl Store {
    /// Returns the contact with this external id. Three round trips: key; external id; contact.
    ///
    /// # Errors
    ///
    /// [`Error::KeyRequired`](crate::Error::KeyRequired); [`Error::ScopeMissing`](crate::Error::ScopeMissing).
    pub async fn find_contact_by_external_id(
        &self,
        caller: &Caller,
        external_id: &ExternalId,
    ) -> Result<Option<Contact>> {
        self.authenticate_key(caller, Scope::Contacts).await?;
        let contact = self.load_external(external_id).await?;
        Ok(contact.map(ContactItem::shown_to_operator))
    }
}
