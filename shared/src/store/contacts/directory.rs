//! All contacts, as the operator's server sees them.

use std::collections::BTreeSet;

use crate::contact::{Contact, ContactRef, ExternalId, MAX_JSON_LEN, Profile, Relation};
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::page::{Cursor, Limit, Page};
use crate::store::Store;
use crate::store::dynamodb::partition::{Order, Partition};
use crate::store::items::acquaintance::{DIRECTORY, DirectoryEntry};
use crate::store::items::contact::ContactItem;

impl Store {
    /// A page of all contacts, by id. Two round trips: directory; contacts.
    pub(super) async fn directory_page(
        &self,
        cursor: Option<Cursor<ContactId>>,
        limit: Limit,
    ) -> Result<Page<Contact>> {
        let direction = Cursor::direction(cursor.as_ref());
        let directory = Partition {
            table: &self.tables.acquaintances,
            key: ("contact_id", DIRECTORY),
            sort_key: "other_id",
            order: Order::Ascending,
        };
        let entries = directory.items(&self.db, cursor, limit.get() + 1).await?;
        let entries = entries
            .into_iter()
            .map(|DirectoryEntry { other_id, .. }| other_id);
        let entries = entries.collect();
        let page = Page::of(entries, limit, direction, |_| MAX_JSON_LEN);
        let ids: BTreeSet<_> = page.data.iter().copied().collect();
        let mut profiles = self.load_profiles(&ids).await?;
        let contacts = page.data.iter().filter_map(|id| profiles.remove(id));
        // One may have been erased since its entry was read.
        let existing = contacts.filter(|contact| contact.username().is_some());
        let data = existing.map(|contact| contact.shown_to(Relation::Operator));
        Ok(Page {
            has_more: page.has_more,
            ..Page::whole(data.collect())
        })
    }

    /// The contact that the operator's server names. One round trip, or two: external id; contact.
    ///
    /// # Errors
    ///
    /// [`Error::ContactNotFound`].
    pub(in crate::store) async fn managed_contact(
        &self,
        contact: &ContactRef,
    ) -> Result<ContactItem> {
        let contact = self.load_referenced(contact).await?;
        contact.ok_or(Error::ContactNotFound)
    }

    /// The contact with an external id. Two round trips: external id; contact.
    pub(super) async fn load_external(
        &self,
        external_id: &ExternalId,
    ) -> Result<Option<ContactItem>> {
        let contact = ContactRef::External(external_id.clone());
        self.load_referenced(&contact).await
    }
}

impl ContactItem {
    /// The contact as the operator's server sees it.
    pub(super) fn shown_to_operator(self) -> Contact {
        Profile::from(self).shown_to(Relation::Operator)
    }
}
