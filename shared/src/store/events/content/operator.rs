//! The content of events for the operator's webhooks: messages and conversations as moderators see them, and the contacts
//! to notify of a message.

use std::collections::{BTreeSet, HashMap, HashSet};

use futures_util::future::try_join3;

use super::Content;
use crate::error::Result;
use crate::id::{ContactId, ConversationId, MessageId};
use crate::message::Message;
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::items::contact::{self, ContactItem};
use crate::store::items::conversation::{self, ConversationItem};
use crate::store::items::feed::{Entry, Target};
use crate::store::items::listener::{self, Listener};
use crate::store::items::membership::{self, Membership};
use crate::store::messages::Conversations;
use crate::webhook::Recipient;

/// The participants of some conversations, as far as notifications depend on them.
#[derive(Default)]
struct Audience {
    contacts: HashMap<ContactId, ContactItem>,
    /// Who follows which conversation: participants who have accepted it and not muted it.
    followers: HashMap<ConversationId, Vec<Membership>>,
    online: HashSet<ContactId>,
}

impl Audience {
    /// The contacts to notify of a message: the followers who have not seen it, without those who joined later, have
    /// blocked the sender, or are suspended.
    fn recipients(&self, message: &Message) -> Vec<Recipient> {
        let sender = message.contact.id;
        let followers = self.followers.get(&message.conversation_id);
        let sent_at = message.id.created_at();
        let followers = followers.into_iter().flatten();
        let others = followers.filter(|one| one.contact_id != sender && one.seen_up_to() < sent_at);
        let others = others.filter_map(|one| self.contacts.get(&one.contact_id));
        let notified = others
            .filter(|contact| contact.suspended_at.is_none() && !contact.blocks.contains(&sender));
        notified
            .map(|contact| Recipient {
                contact_id: contact.id,
                external_id: contact.external_id.clone(),
                is_online: self.online.contains(&contact.id),
            })
            .collect()
    }
}

impl Store {
    /// Loads messages and conversations without regard to who can see them. Three round trips: conversations; messages ‖
    /// newest messages ‖ participants of conversations with new messages; contacts ‖ older reads.
    pub(in crate::store) async fn load_content_for_operator(
        &self,
        entries: impl Iterator<Item = Entry>,
    ) -> Result<Content> {
        let (mut messages, mut conversations) = (HashSet::new(), HashSet::new());
        let mut with_new = HashSet::new();
        for entry in entries {
            match entry.target() {
                Target::Message(id) => {
                    messages.insert(id);
                    if entry.is_new() {
                        with_new.insert(id.conversation());
                    }
                }
                Target::Conversation(id) => {
                    conversations.insert(id);
                }
                Target::AllMessagesOf(_) | Target::Everything => {}
            }
        }
        let parents = messages.iter().map(MessageId::conversation);
        let parents: HashSet<_> = parents.chain(conversations.iter().copied()).collect();
        let existing = self.load_existing_conversations(parents).await?;
        messages.retain(|id| existing.contains_key(&id.conversation()));
        let rendered = conversations.iter().filter_map(|id| existing.get(id));
        let rendered = rendered.map(|found| self.render_for_moderator(found.clone()));
        let with_new = with_new.iter().filter_map(|id| existing.get(id));
        let (messages, conversations, audience) = try_join3(
            self.render_by_id(None, messages.into_iter().collect(), &existing),
            join_bounded(rendered.collect()),
            self.load_audience(with_new.collect()),
        )
        .await?;
        let mut content = Content::default();
        for (_, message) in messages {
            let recipients = audience.recipients(&message);
            content.recipients.insert(message.id, recipients);
            content.messages.insert(message.id, message);
        }
        let conversations = conversations.into_iter();
        content.conversations = conversations.map(|found| (found.id, found)).collect();
        Ok(content)
    }

    /// Those of the conversations that are not being deleted. One round trip.
    async fn load_existing_conversations(
        &self,
        ids: HashSet<ConversationId>,
    ) -> Result<Conversations> {
        let keys = ids.into_iter().map(conversation::key);
        let batch = BatchGet::default().keys(&self.tables.conversations, keys);
        let found = self.take_conversations(&mut batch.send(&self.db).await?)?;
        let existing = found
            .into_iter()
            .filter(|found| !found.participants.is_empty());
        Ok(existing.map(|found| (found.id, found)).collect())
    }

    /// Three items for each participant, in one round trip.
    async fn load_audience(&self, conversations: Vec<&ConversationItem>) -> Result<Audience> {
        let accepted = conversations.iter().flat_map(|conversation| {
            let contacts = conversation.accepted().into_iter();
            contacts.map(|contact| (contact, conversation.id))
        });
        let accepted: Vec<_> = accepted.collect();
        let contacts: BTreeSet<_> = accepted.iter().map(|&(contact, _)| contact).collect();
        let memberships = accepted.into_iter();
        let batch = BatchGet::default()
            .keys(
                &self.tables.memberships,
                memberships.map(|(contact, conversation)| membership::key(contact, conversation)),
            )
            .keys(
                &self.tables.listeners,
                contacts.iter().copied().map(listener::key),
            )
            .keys(
                &self.tables.contacts,
                contacts.iter().copied().map(contact::key),
            );
        let mut items = batch.send(&self.db).await?;
        let mut audience = Audience::default();
        for membership in self.take_memberships(&mut items)? {
            if !membership.is_muted {
                let followers = audience.followers.entry(membership.conversation_id);
                followers.or_default().push(membership);
            }
        }
        let now = self.clock.now();
        for listener in items.take::<Listener>(&self.tables.listeners)? {
            if listener.connections.iter().any(|one| one.is_open(now)) {
                audience.online.insert(listener.contact_id);
            }
        }
        let contacts = items.take::<ContactItem>(&self.tables.contacts)?;
        audience.contacts = contacts
            .into_iter()
            .map(|contact| (contact.id, contact))
            .collect();
        Ok(audience)
    }
}
