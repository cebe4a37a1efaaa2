use std::collections::HashMap;

use futures_util::future::join;

use super::ConversationView;
use crate::caller::Caller;
use crate::conversation::Conversation;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId};
use crate::page::{Cursor, Limit, Page, Window};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::items::conversation::{self, visible_to};
use crate::store::items::membership::{ConversationList, Membership};
use crate::store::items::message;
use crate::store::key_range::KeyRange;
use crate::store::messages::correct_unread_count;
use crate::time::Micros;

/// A conversation as a participant sees it.
pub(in crate::store) struct RenderedConversation {
    pub conversation: Conversation,
    /// The most bytes that it takes in a response.
    pub max_json_len: usize,
}

impl Store {
    /// Returns a page of one of the caller's lists of conversations, the most recently active first.
    ///
    /// Four round trips: token; memberships; conversations and newest messages ‖ unread counts, 16 at a
    /// time; contacts and quoted messages. One more for a cursor, and one if the latest activity of a conversation is not an
    /// existing message.
    ///
    /// # Errors
    ///
    /// [`Error::CursorNotFound`] if the cursor is not a conversation of the caller.
    pub async fn list_conversations(
        &self,
        caller: &Caller,
        list: ConversationList,
        cursor: Option<Cursor<ConversationId>>,
        limit: Limit,
    ) -> Result<Page<Conversation>> {
        let contact = self.authenticate(caller).await?;
        let window = Window {
            limit,
            cursor: self.position_of(contact, cursor).await?,
            from: Micros(0),
            until: None,
        };
        let range = KeyRange::new(&window);
        let memberships = self
            .memberships(contact, list, &range, limit.get() + 1)
            .await?;
        let has_another = memberships.len() > limit.get();
        let conversations = self.render_conversations(contact, memberships).await?;
        let direction = window.direction();
        let mut page = Page::of(conversations, limit, direction, |rendered| {
            rendered.max_json_len
        });
        // Also if the caller has left one of them since the memberships were read.
        page.has_more |= has_another;
        Ok(page.map(|rendered| rendered.conversation))
    }

    /// The conversations of these memberships of a contact, except for those that it has left meanwhile. Two round
    /// trips: conversations and newest messages ‖ unread counts, 16 at a time; contacts and quoted messages. One more
    /// if the latest activity of a conversation is not an existing message.
    pub(in crate::store) async fn render_conversations(
        &self,
        contact: ContactId,
        memberships: Vec<Membership>,
    ) -> Result<Vec<RenderedConversation>> {
        if memberships.is_empty() {
            return Ok(Vec::new());
        }
        let views = self.load_views(contact, memberships).await?;
        let needed = views.iter().flat_map(ConversationView::displayed_contacts);
        let needed = needed.collect();
        let newest = views.iter().filter_map(|view| view.newest.as_ref());
        let displayed = self.load_displayed(HashMap::new(), &needed, newest).await?;
        let rendered = views.into_iter().map(|view| RenderedConversation {
            max_json_len: view.max_json_len(&displayed.profiles),
            conversation: view.render(contact, &displayed),
        });
        Ok(rendered.collect())
    }

    /// Where the conversation of the cursor is in the list now.
    async fn position_of(
        &self,
        contact: ContactId,
        cursor: Option<Cursor<ConversationId>>,
    ) -> Result<Option<Cursor>> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let membership = self.membership(contact, *cursor.id()).await?;
        let direction = Cursor::direction(Some(&cursor));
        let membership = membership.ok_or(Error::CursorNotFound(direction))?;
        Ok(Some(cursor.map(|_| membership.position.latest)))
    }

    /// Loads the conversations of these memberships. One round trip; two if the latest activity of one is
    /// not an existing message.
    async fn load_views(
        &self,
        contact: ContactId,
        memberships: Vec<Membership>,
    ) -> Result<Vec<ConversationView>> {
        let ids = memberships.iter();
        let ids = ids.map(|membership| conversation::key(membership.conversation_id));
        let latest = memberships.iter();
        let latest = latest.map(|membership| message::key(membership.position.latest));
        let batch = BatchGet::default()
            .keys(&self.tables.conversations, ids)
            .keys(&self.tables.messages, latest);
        let unread = memberships.iter();
        let unread = unread.map(|membership| self.indexed_unread_count(membership));
        let reads = join(batch.send(&self.db), join_bounded(unread.collect()));
        let (items, unread) = reads.await;
        let mut items = items?;
        let conversations = self.take_conversations(&mut items)?.into_iter();
        let mut conversations: HashMap<_, _> = conversations
            .map(|conversation| (conversation.id, conversation))
            .collect();
        let mut newest = self.take_messages(&mut items)?;
        let views = memberships.into_iter().zip(unread?);
        let views = views.filter_map(|(membership, unread)| {
            let conversation = conversations.remove(&membership.conversation_id);
            Some(ConversationView {
                conversation: visible_to(contact, conversation)?,
                newest: newest.remove(&membership.position.latest),
                membership,
                unread,
            })
        });
        let views = views.map(|view| async move {
            let mut newest = match view.newest {
                None => self.newest_message(view.conversation.id).await?,
                newest => newest,
            };
            let (id, recent) = (view.conversation.id, &view.conversation.read_log);
            let read_log = self.load_reads(id, recent, newest.iter());
            let read_log = read_log.await?;
            if let Some(newest) = &mut newest {
                read_log.apply(newest);
            }
            let unread = correct_unread_count(view.unread, &view.membership, newest.as_ref());
            Ok(ConversationView {
                unread,
                newest,
                ..view
            })
        });
        join_bounded(views.collect()).await
    }
}
