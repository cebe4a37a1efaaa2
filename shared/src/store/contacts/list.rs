use crate::caller::Caller;
use crate::contact::{Contact, Relation};
use crate::error::Result;
use crate::id::ContactId;
use crate::key::Scope;
use crate::page::{Cursor, Limit, Page};
use crate::store::Store;
use crate::store::tokens::contact_or_key;
use crate::store::viewer::shown_to;

impl Store {
    /// Returns a page of the contacts that share a conversation with the caller, by id; for a server key, of all
    /// contacts. Three round trips: token; acquaintances, or directory; contacts.
    ///
    /// # Errors
    ///
    /// [`Error::ScopeMissing`](crate::Error::ScopeMissing).
    pub async fn list_contacts(
        &self,
        caller: &Caller,
        cursor: Option<Cursor<ContactId>>,
        limit: Limit,
    ) -> Result<Page<Contact>> {
        let Some(caller) = contact_or_key(self.identify(caller).await?, Scope::Contacts)? else {
            return self.directory_page(cursor, limit).await;
        };
        let page = self.acquaintance_page(caller, cursor, limit).await?;
        let ids = page.data.iter().copied().chain([caller]).collect();
        let profiles = self.load_profiles(&ids).await?;
        Ok(page.map(|id| shown_to(caller, &profiles, id, Relation::Acquainted)))
    }
}
