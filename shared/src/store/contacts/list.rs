use std::collections::BTreeSet;

use crate::caller::Caller;
use crate::contact::Contact;
use crate::error::Result;
use crate::id::ContactId;
use crate::page::{Cursor, Limit, Page};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::items::conversation;

/// The most bytes that a contact takes in a response; a page of contacts is never too large.
const MAX_JSON_LEN: usize = 1600;

impl Store {
    /// Returns a page of the contacts that share one of the caller's 1,000 most recently active
    /// conversations, by id. Four round trips: token; memberships; conversations; contacts.
    pub async fn list_contacts(
        &self,
        caller: &Caller,
        cursor: Option<Cursor<ContactId>>,
        limit: Limit,
    ) -> Result<Page<Contact>> {
        let caller = self.authenticate(caller).await?;
        let ids = self.recent_conversations(caller).await?.into_iter();
        let keys = ids.map(conversation::key);
        let batch = BatchGet::default().keys(&self.tables.conversations, keys);
        let mut items = batch.send(&self.db).await?;
        let conversations = self.take_conversations(&mut items)?;
        let conversations = conversations
            .iter()
            .filter(|conversation| conversation.participants.contains(&caller));
        let mut ids: BTreeSet<_> = conversations
            .flat_map(|conversation| conversation.participants.iter().copied())
            .collect();
        ids.remove(&caller);
        let Page { has_more, data } = page(&ids, cursor, limit);
        let mut contacts = self.load_contacts(&data.iter().copied().collect()).await?;
        let data = data.iter().filter_map(|id| contacts.remove(id)).collect();
        Ok(Page { has_more, data })
    }
}

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
            let after = ids.iter().filter(|&&other| other > id);
            after.take(wanted).copied().collect()
        }
        Some(Cursor::EndingBefore(id)) => {
            let before = ids.iter().rev().filter(|&&other| other < id);
            before.take(wanted).copied().collect()
        }
    };
    Page::of(found, limit, direction, |_| MAX_JSON_LEN)
}
