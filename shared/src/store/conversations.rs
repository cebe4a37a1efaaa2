//! The operations on conversations.

mod accept;
mod add_participants;
mod create;
mod get;
mod leave;
mod list;
mod remove_participant;
mod update;

use std::collections::{BTreeSet, HashMap};

use futures_util::future::{join, try_join3};

pub use create::{CreatedConversation, NewConversation};
pub(super) use leave::Departure;
pub use update::ConversationUpdate;

use super::Store;
use super::displayed::Displayed;
use super::dynamodb::batch::{BatchGet, BatchItems};
use super::dynamodb::item::from_item;
use super::items::conversation::{ConversationItem, key, visible_to};
use super::items::membership::{ConversationList, Membership};
use super::items::message::MessageItem;
use super::viewer::Viewer;
use crate::caller::Caller;
use crate::contact::Profile;
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
    /// A conversation without messages, as its creator sees it.
    fn new(conversation: ConversationItem, creator: ContactId) -> Self {
        let list = ConversationList::Open;
        let joined_at = conversation.created_at;
        Self {
            membership: Membership::new(creator, conversation.id, list, joined_at),
            conversation,
            unread: 0,
            newest: None,
        }
    }

    /// The most bytes that the conversation takes in a response that shows these contacts.
    fn max_json_len(&self, profiles: &HashMap<ContactId, Profile>) -> usize {
        const CONTACT: usize = 1600; // avatar URL, username, phone number, id
        const REST: usize = 1024; // the name, the keys
        let newest = self.newest.as_ref().map_or(0, MessageItem::max_json_len);
        let participants = self.conversation.participants.iter();
        let contacts = participants.map(|id| {
            let profile = profiles.get(id);
            CONTACT + profile.map_or(0, |profile| profile.metadata().max_json_len())
        });
        let metadata = self.conversation.metadata.max_json_len();
        contacts.sum::<usize>() + metadata + newest + REST
    }

    fn displayed_contacts(&self) -> BTreeSet<ContactId> {
        displayed_contacts(&self.conversation, self.newest.as_ref())
    }

    fn render(self, caller: ContactId, displayed: &Displayed) -> Conversation {
        let viewer = Viewer::Participant {
            caller,
            conversation: &self.conversation,
        };
        let contacts = self.conversation.participants.iter();
        let contacts = contacts
            .map(|&id| viewer.contact(&displayed.profiles, id))
            .collect();
        let last_message = self.newest.map(|newest| newest.render(viewer, displayed));
        let is_pending = self.conversation.is_pending(caller);
        let Self {
            conversation,
            membership,
            unread,
            ..
        } = self;
        Conversation {
            id: conversation.id,
            name: conversation.name,
            metadata: conversation.metadata,
            contacts,
            is_pending,
            is_pinned: membership.is_pinned,
            is_muted: membership.is_muted,
            unread_count: unread,
            last_message,
            last_active_at: membership.position.latest.created_at().into(),
            last_opened_at: membership.opened_at.map(Into::into),
            archived_at: membership.archived_at.map(Into::into),
            created_at: conversation.created_at.into(),
            closed_at: conversation.closed_at.map(Into::into),
        }
    }
}

/// A caller who is a participant of a conversation.
pub(super) struct Participation {
    pub caller: ContactId,
    pub conversation: ConversationItem,
}

impl Participation {
    pub(super) fn viewer(&self) -> Viewer<'_> {
        Viewer::Participant {
            caller: self.caller,
            conversation: &self.conversation,
        }
    }
}

impl Store {
    /// Authorizes the caller, and reads a batch and something else: in parallel if the participation is in
    /// the access cache, otherwise after it. One round trip, or three: token; conversation; the rest.
    ///
    /// # Errors
    ///
    /// [`Error::ConversationNotFound`] if the caller is not a participant.
    pub(super) async fn load_as_participant<T>(
        &self,
        caller: &Caller,
        id: ConversationId,
        batch: BatchGet,
        read: impl Future<Output = Result<T>>,
    ) -> Result<(Participation, BatchItems, T)> {
        if caller.unresolved_contact().is_some() {
            self.identify(caller).await?;
        }
        if !self.may_read_ahead(caller, Some(id)) {
            let (contact, conversation) = self.load_caller_and_conversation(caller, id).await?;
            let participation = self.authorize(caller, contact, id, conversation)?;
            let (items, read) = join(batch.send(&self.db), read).await;
            return Ok((participation, items?, read?));
        }
        let batch = batch.keys(&self.tables.conversations, [key(id)]);
        let batch = self.with_caller(batch, caller).await?;
        let (items, read) = join(batch.send(&self.db), read).await;
        let mut items = items?;
        let contact = self.take_caller(&mut items, caller)?;
        let conversation = self.take_conversations(&mut items)?.pop();
        let participation = self.authorize(caller, contact, id, conversation)?;
        Ok((participation, items, read?))
    }

    /// The contacts that a request of this caller is expected to need, to read them in its first batch: those
    /// that this instance displayed last in the conversation, and the caller, whose blocks decide what it
    /// sees, if it is in the access cache.
    pub(super) fn expected_contacts(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> BTreeSet<ContactId> {
        let mut expected = self.participant_cache.get(id);
        expected.extend(self.presumed_participant(caller, id));
        expected
    }

    /// The participation of a contact, which is recorded in the access cache.
    fn authorize(
        &self,
        caller: &Caller,
        contact: ContactId,
        id: ConversationId,
        conversation: Option<ConversationItem>,
    ) -> Result<Participation> {
        let Some(conversation) = visible_to(contact, conversation) else {
            self.access_cache.remove_participant(caller, id);
            return Err(Error::ConversationNotFound);
        };
        let now = self.clock.now();
        self.access_cache
            .record_participant(caller, id, contact, now);
        Ok(Participation {
            caller: contact,
            conversation,
        })
    }

    /// The caller and the conversation, which is not authorized yet. One round trip, or two: token;
    /// conversation.
    pub(super) async fn load_caller_and_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Result<(ContactId, Option<ConversationItem>)> {
        if !self.may_read_ahead(caller, None) {
            self.authenticate(caller).await?;
        }
        let batch = BatchGet::default().keys(&self.tables.conversations, [key(id)]);
        let batch = self.with_caller(batch, caller).await?;
        let mut items = batch.send(&self.db).await?;
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
        mut newest: Option<MessageItem>,
    ) -> Result<Conversation> {
        let needed = displayed_contacts(&conversation, newest.as_ref());
        let reads = try_join3(
            self.unread_count(&membership, newest.as_ref()),
            self.load_displayed(HashMap::new(), &needed, &newest),
            self.load_reads(conversation.id, &conversation.read_log, newest.iter()),
        );
        let (unread, displayed, read_log) = reads.await?;
        if let Some(newest) = &mut newest {
            read_log.apply(newest);
        }
        let view = ConversationView {
            conversation,
            membership,
            unread,
            newest,
        };
        let caller = view.membership.contact_id;
        Ok(view.render(caller, &displayed))
    }
}

/// The contacts that a conversation displays: its participants and those in its newest message.
pub(super) fn displayed_contacts(
    conversation: &ConversationItem,
    newest: Option<&MessageItem>,
) -> BTreeSet<ContactId> {
    let newest = newest.map(MessageItem::displayed_contacts);
    let newest = newest.unwrap_or_default();
    conversation.participants.union(&newest).copied().collect()
}
