//! The others: with whom the caller shares a conversation, and whoever it knows the username of.

use std::collections::BTreeSet;

use futures_util::future::join;

use super::People;
use crate::caller::Caller;
use crate::contact::{Contact, Mention, Username};
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::page::{Cursor, Limit, Page};
use crate::store::Store;
use crate::store::batch::Batch;
use crate::store::{conversations, memberships};

/// The most bytes that a contact takes in an answer: nowhere near what a page may have.
const WEIGHT: usize = 1600;

impl Store {
    /// A page of those with whom the caller shares one of its thousand most recently active
    /// conversations, by their ids. Four round trips.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`].
    pub async fn acquaintances(
        &self,
        caller: &Caller,
        cursor: Option<Cursor<ContactId>>,
        limit: Limit,
    ) -> Result<Page<Contact>> {
        let contact = self.authenticate(caller).await?;
        let ids = self.conversations_of(contact).await?.into_iter();
        let batch = Batch::default().with(&self.tables.conversations, ids.map(conversations::key));
        let mut found = batch.get(&self.db).await?;
        let rows = self.take_conversations(&mut found)?;
        let rows = rows
            .iter()
            .filter(|row| row.participants.contains(&contact));
        let mut ids: BTreeSet<_> = rows
            .flat_map(|row| row.participants.iter().copied())
            .collect();
        ids.remove(&contact);
        let page = page(&ids, cursor, limit);
        let mut contacts = self.contacts(&page.data.iter().copied().collect()).await?;
        let data = page
            .data
            .iter()
            .filter_map(|id| contacts.remove(id))
            .collect();
        Ok(Page {
            has_more: page.has_more,
            data,
        })
    }

    /// The contact with this id, for the contact itself and those who share a conversation with it.
    /// Three round trips.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::ContactNotFound`], also for all others.
    pub async fn acquaintance(&self, caller: &Caller, id: ContactId) -> Result<Contact> {
        let ids = BTreeSet::from([id]);
        let (contact, contacts) = join(self.authenticate(caller), self.contacts(&ids)).await;
        let contact = contact?;
        let found = contacts?.remove(&id);
        if contact == id || self.have_one_in_common(contact, id).await? {
            Ok(found.unwrap_or_else(|| Contact::erased(id)))
        } else {
            Err(Error::ContactNotFound {
                param: "id",
                text: None,
            })
        }
    }

    /// The contact with this username, if there is one; strangers see just enough to begin a
    /// conversation. Three round trips.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`].
    pub async fn look_up(&self, caller: &Caller, username: &Username) -> Result<Option<Contact>> {
        let (contact, id) = join(self.authenticate(caller), self.id_of(username)).await;
        let contact = contact?;
        let Some(id) = id? else {
            return Ok(None);
        };
        let reads = join(self.contact(id), self.have_one_in_common(contact, id));
        let (found, in_common) = reads.await;
        let shares = contact == id || in_common?;
        Ok(found?.map(|found| if shares { found } else { found.to_strangers() }))
    }

    /// Whether another takes part in one of a contact's thousand most recently active conversations.
    /// Two round trips.
    async fn have_one_in_common(&self, contact: ContactId, other: ContactId) -> Result<bool> {
        let ids = self.conversations_of(contact).await?.into_iter();
        let table = &self.tables.memberships;
        let keys = ids.map(|id| memberships::key(other, id));
        let mut found = Batch::default().with(table, keys).get(&self.db).await?;
        let items = found.take_items(table);
        Ok(items.iter().any(|item| item.contains_key("place")))
    }

    /// Who is meant by these mentions. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::ContactNotFound`], with the first that means nobody.
    pub(in crate::store) async fn mentioned(
        &self,
        mentions: &[Mention],
    ) -> Result<BTreeSet<ContactId>> {
        let People {
            existing,
            usernames,
        } = self.look_at(mentions).await?;
        let who = |mention: &Mention| {
            let by_id = mention.id.filter(|id| existing.contains_key(id));
            let by_name = || usernames.get(&mention.username.as_ref()?.folded()).copied();
            let nobody = || Error::ContactNotFound {
                param: "participants[]",
                text: Some(mention.text.clone()),
            };
            by_id.or_else(by_name).ok_or_else(nobody)
        };
        mentions.iter().map(who).collect()
    }
}

/// The page of these ids, in their order.
fn page(
    ids: &BTreeSet<ContactId>,
    cursor: Option<Cursor<ContactId>>,
    limit: Limit,
) -> Page<ContactId> {
    let direction = Cursor::direction(cursor.as_ref());
    let wanted = limit.get() + 1;
    let found: Vec<_> = match cursor {
        None => ids.iter().take(wanted).copied().collect(),
        Some(Cursor::StartingAfter(id)) => {
            let behind = ids.iter().filter(|&&other| other > id);
            behind.take(wanted).copied().collect()
        }
        Some(Cursor::EndingBefore(id)) => {
            let before = ids.iter().rev().filter(|&&other| other < id);
            before.take(wanted).copied().collect()
        }
    };
    Page::of(found, limit, direction, |_| WEIGHT)
}
