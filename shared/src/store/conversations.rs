//! The operations on conversations.

mod add_participants;
mod create;
mod get;
mod leave;
mod list;
mod remove_participant;
mod update;

use std::collections::{BTreeSet, HashMap};

use futures_util::future::join;

pub use create::{CreatedConversation, NewConversation};
pub use update::ConversationUpdate;

use super::Store;
use super::dynamodb::batch::BatchGet;
use super::dynamodb::item::from_item;
use super::items::conversation::{ConversationItem, key, visible_to};
use super::items::membership::Membership;
use super::items::message::MessageItem;
use crate::caller::Caller;
use crate::contact::Contact;
use crate::conversation::Conversation;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId};

/// Everything that a participant sees of a conversation, except for the contacts.
struct ConversationView {
    conversation: ConversationItem,
    membership: Membership,
    unread: usize,
    newest: Option<MessageItem>,
}

impl ConversationView {
    /// The most bytes that the conversation takes in a response.
    fn max_json_len(&self) -> usize {
        const CONTACT: usize = 1600; // avatar URL, username, phone number, id
        const REST: usize = 1024; // the name, the keys
        let newest = self.newest.as_ref().map_or(0, MessageItem::max_json_len);
        self.conversation.participants.len() * CONTACT + newest + REST
    }

    fn displayed_contacts(&self) -> BTreeSet<ContactId> {
        displayed_contacts(&self.conversation, self.newest.as_ref())
    }

    fn render(self, contacts: &HashMap<ContactId, Contact>) -> Conversation {
        let Self {
            conversation,
            membership,
            unread,
            newest,
        } = self;
        let contact = |id: &ContactId| {
            let contact = contacts.get(id).cloned();
            contact.unwrap_or_else(|| Contact::erased(*id))
        };
        Conversation {
            id: conversation.id,
            name: conversation.name,
            contacts: conversation.participants.iter().map(contact).collect(),
            is_pinned: membership.is_pinned,
            is_muted: membership.is_muted,
            unread_count: unread,
            last_message: newest.map(|newest| newest.render(contacts)),
            last_active_at: membership.position.latest.created_at().into(),
            last_opened_at: membership.opened_at.map(Into::into),
            archived_at: membership.archived_at.map(Into::into),
            created_at: conversation.created_at.into(),
        }
    }
}

impl Store {
    /// The caller and the conversation, which is not authorized yet. One round trip.
    pub(super) async fn load_caller_and_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Result<(ContactId, Option<ConversationItem>)> {
        let batch = BatchGet::default().keys(&self.tables.conversations, [key(id)]);
        let mut items = self.with_caller(batch, caller).send(&self.db).await?;
        let contact = self.take_caller(&mut items, caller)?;
        Ok((contact, self.take_conversations(&mut items)?.pop()))
    }

    /// The conversation, without authorization. One round trip.
    pub(super) async fn load_conversation(
        &self,
        id: ConversationId,
    ) -> Result<Option<ConversationItem>> {
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.conversations)
            .set_key(Some(key(id)));
        let item = get.consistent_read(true).send().await?.item;
        item.map(from_item).transpose()
    }

    /// The conversation as a participant sees it. Two round trips.
    ///
    /// # Errors
    ///
    /// [`Error::ConversationNotFound`] if the contact is not a participant.
    async fn view_conversation(
        &self,
        contact: ContactId,
        id: ConversationId,
        conversation: Option<ConversationItem>,
        newest: Option<MessageItem>,
    ) -> Result<Conversation> {
        let conversation = visible_to(contact, conversation).ok_or(Error::ConversationNotFound)?;
        let membership = self.membership(contact, id).await?;
        let membership = membership.ok_or(Error::ConversationNotFound)?;
        self.render_conversation(conversation, membership, newest)
            .await
    }

    /// Renders a conversation for the participant with this membership. One round trip.
    async fn render_conversation(
        &self,
        conversation: ConversationItem,
        membership: Membership,
        newest: Option<MessageItem>,
    ) -> Result<Conversation> {
        let displayed = displayed_contacts(&conversation, newest.as_ref());
        let reads = join(
            self.unread_count(&membership),
            self.load_contacts(&displayed),
        );
        let (unread, contacts) = reads.await;
        let view = ConversationView {
            conversation,
            membership,
            unread: unread?,
            newest,
        };
        Ok(view.render(&contacts?))
    }
}

/// The contacts that a conversation displays: its participants and those in its newest message.
fn displayed_contacts(
    conversation: &ConversationItem,
    newest: Option<&MessageItem>,
) -> BTreeSet<ContactId> {
    let newest = newest.map(MessageItem::displayed_contacts);
    let newest = newest.unwrap_or_default();
    conversation.participants.union(&newest).copied().collect()
}
