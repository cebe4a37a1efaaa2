use std::collections::BTreeSet;

use futures_util::future::join;

use crate::caller::Caller;
use crate::contact::{Contact, Username};
use crate::error::Result;
use crate::key::Scope;
use crate::store::Store;
use crate::store::items::contact::ContactItem;
use crate::store::tokens::contact_or_key;
use crate::store::viewer::shown_to;

impl Store {
    /// Returns the contact with this username. Two round trips: token ‖ username; both contacts ‖
    /// acquaintance.
    ///
    /// # Errors
    ///
    /// [`Error::ScopeMissing`](crate::Error::ScopeMissing).
    pub async fn find_contact(
        &self,
        caller: &Caller,
        username: &Username,
    ) -> Result<Option<Contact>> {
        let read = self.identify_and(caller, self.owner_of(username));
        let (identity, owner) = read.await?;
        let caller = contact_or_key(identity, Scope::Contacts)?;
        let Some(owner) = owner else {
            return Ok(None);
        };
        let Some(caller) = caller else {
            let contact = self.load_contact_item(owner).await?;
            return Ok(contact.map(ContactItem::shown_to_operator));
        };
        let ids = BTreeSet::from([caller, owner]);
        let reads = join(self.load_profiles(&ids), self.relation(caller, owner));
        let (profiles, relation) = reads.await;
        let contact = shown_to(caller, &profiles?, owner, relation?);
        Ok(Some(contact).filter(|contact| contact.username.is_some()))
    }
}
