use crate::caller::Caller;
use crate::contact::{Contact, MAX_JSON_LEN, Relation};
use crate::error::Result;
use crate::id::ContactId;
use crate::page::{Cursor, Limit, Page};
use crate::store::Store;
use crate::store::viewer::shown_to;

impl Store {
    /// Returns a page of the contacts that the caller has blocked, by id. Three round trips: token; the
    /// caller; contacts.
    pub async fn list_blocks(
        &self,
        caller: &Caller,
        cursor: Option<Cursor<ContactId>>,
        limit: Limit,
    ) -> Result<Page<Contact>> {
        let caller = self.authenticate(caller).await?;
        let blocks = self.load_own_contact(caller).await?.blocks;
        let page = Page::of_sorted(&blocks, cursor, limit, MAX_JSON_LEN);
        let profiles = self
            .load_profiles(&page.data.iter().copied().collect())
            .await?;
        Ok(page.map(|id| shown_to(caller, &profiles, id, Relation::Stranger)))
    }
}
