//! Conversations as one of their participants sees them: one, or a page of all.

use std::collections::{BTreeSet, HashMap};

use futures_util::future::join;

use super::{Row, key, visible};
use crate::caller::Caller;
use crate::contact::Contact;
use crate::conversation::Conversation;
use crate::error::{Error, Invalid, Result};
use crate::id::{ContactId, ConversationId};
use crate::page::{Cursor, Limit, Page, Window};
use crate::store::batch::{Batch, all};
use crate::store::span::Span;
use crate::store::{Store, memberships, messages};
use crate::time::Micros;

/// All that is shown of a conversation, but for the people.
struct View {
    row: Row,
    membership: memberships::Row,
    unread: usize,
    newest: Option<messages::Row>,
}

impl Store {
    /// The conversation with this id.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::ConversationNotFound`], also for those who do not take part.
    pub async fn conversation(&self, caller: &Caller, id: ConversationId) -> Result<Conversation> {
        let reads = join(self.caller_and_row(caller, id), self.newest_message(id));
        let (read, newest) = reads.await;
        let (contact, row) = read?;
        self.seen_by(contact, id, row, newest?).await
    }

    /// A page of the caller's open or archived conversations, the most recently active first.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::Invalid`] if the cursor is none of them.
    pub async fn conversations(
        &self,
        caller: &Caller,
        archived: bool,
        cursor: Option<Cursor<ConversationId>>,
        limit: Limit,
    ) -> Result<Page<Conversation>> {
        let contact = self.authenticate(caller).await?;
        let window = Window {
            limit,
            cursor: self.at_its_place(contact, cursor).await?,
            from: Micros(0),
            until: None,
        };
        let memberships = self
            .memberships(contact, archived, &Span::of(&window), limit.get() + 1)
            .await?;
        let has_another = memberships.len() > limit.get();
        let views = self.views(contact, memberships).await?;
        let Page { has_more, data } = Page::of(views, limit, window.direction(), View::weight);
        let people = data.iter().flat_map(View::people).collect();
        let contacts = self.contacts(&people).await?;
        let data = data.into_iter().map(|view| view.shown(&contacts)).collect();
        Ok(Page {
            // Also if one of them has been left meanwhile.
            has_more: has_more || has_another,
            data,
        })
    }

    /// A conversation as `contact` sees it, if it takes part. Two round trips.
    pub(super) async fn seen_by(
        &self,
        contact: ContactId,
        id: ConversationId,
        row: Option<Row>,
        newest: Option<messages::Row>,
    ) -> Result<Conversation> {
        let row = visible(row, contact).ok_or(Error::ConversationNotFound { param: "id" })?;
        let membership = self.membership(contact, id).await?;
        let membership = membership.ok_or(Error::ConversationNotFound { param: "id" })?;
        self.show_conversation(row, membership, newest).await
    }

    /// A conversation as the participant with this membership sees it. One round trip.
    pub(super) async fn show_conversation(
        &self,
        row: Row,
        membership: memberships::Row,
        newest: Option<messages::Row>,
    ) -> Result<Conversation> {
        let people = people(&row, newest.as_ref());
        let (unread, contacts) = join(self.unread(&membership), self.contacts(&people)).await;
        let view = View {
            row,
            membership,
            unread: unread?,
            newest,
        };
        Ok(view.shown(&contacts?))
    }

    /// The place of the conversation that a cursor names.
    async fn at_its_place(
        &self,
        contact: ContactId,
        cursor: Option<Cursor<ConversationId>>,
    ) -> Result<Option<Cursor>> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let membership = self.membership(contact, *cursor.id()).await?;
        let membership = membership.ok_or_else(|| {
            Invalid::value(cursor.param(), "must be the id of a conversation of yours")
        })?;
        Ok(Some(cursor.map(|_| membership.place.latest)))
    }

    /// What is behind these memberships. One round trip; two where the latest activity is
    /// no message that is there.
    async fn views(
        &self,
        contact: ContactId,
        memberships: Vec<memberships::Row>,
    ) -> Result<Vec<View>> {
        let latest = memberships.iter().map(|row| row.place.latest);
        let ids = memberships.iter().map(|row| row.conversation_id);
        let batch = Batch::default()
            .with(&self.tables.conversations, ids.map(key))
            .with(&self.tables.messages, latest.map(messages::key));
        let (found, unread) = join(batch.get(&self.db), self.all_unread(&memberships)).await;
        let mut found = found?;
        let rows = self.take_conversations(&mut found)?.into_iter();
        let mut rows: HashMap<_, _> = rows.map(|row| (row.id, row)).collect();
        let mut newest = self.take_messages(&mut found)?;
        let views = memberships.into_iter().zip(unread?);
        let views = views.filter_map(|(membership, unread)| {
            Some(View {
                row: visible(rows.remove(&membership.conversation_id), contact)?,
                newest: newest.remove(&membership.place.latest),
                membership,
                unread,
            })
        });
        let views = views.map(|view| async move {
            let newest = match view.newest {
                None => self.newest_message(view.row.id).await?,
                newest => newest,
            };
            Ok(View { newest, ..view })
        });
        all(views.collect()).await
    }
}

impl View {
    /// The most bytes that it takes in an answer.
    fn weight(&self) -> usize {
        const CONTACT: usize = 1600; // the address of a picture, a username, a phone number, ids
        const REST: usize = 1024; // the name, the keys
        let newest = self.newest.as_ref().map_or(0, messages::Row::weight);
        self.row.participants.len() * CONTACT + newest + REST
    }

    fn people(&self) -> BTreeSet<ContactId> {
        people(&self.row, self.newest.as_ref())
    }

    fn shown(self, contacts: &HashMap<ContactId, Contact>) -> Conversation {
        let Self {
            row,
            membership,
            unread,
            newest,
        } = self;
        let contact = |id: &ContactId| {
            let contact = contacts.get(id).cloned();
            contact.unwrap_or_else(|| Contact::erased(*id))
        };
        Conversation {
            id: row.id,
            name: row.name,
            contacts: row.participants.iter().map(contact).collect(),
            is_pinned: membership.is_pinned,
            is_muted: membership.is_muted,
            unread_count: unread,
            last_message: newest.map(|newest| messages::shown(newest, contacts)),
            last_active_at: membership.place.latest.created_at().into(),
            last_opened_at: membership.opened_at.map(Into::into),
            archived_at: membership.archived_at.map(Into::into),
            created_at: row.created_at.into(),
        }
    }
}

/// All whom a conversation shows: who takes part, and whom its newest message shows.
fn people(row: &Row, newest: Option<&messages::Row>) -> BTreeSet<ContactId> {
    let of_newest = newest.map(messages::Row::people).unwrap_or_default();
    row.participants.union(&of_newest).copied().collect()
}
