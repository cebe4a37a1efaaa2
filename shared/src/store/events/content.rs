//! What events show: messages and conversations as they are when the event is read or posted.

mod operator;

use std::collections::{HashMap, HashSet};

use futures_util::future::try_join;

use crate::conversation::Conversation;
use crate::error::Result;
use crate::event::{Event, EventType};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::message::Message;
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::items::feed::{Entry, Target};
use crate::store::items::message::{self, MessageItem};
use crate::store::items::{conversation, membership};
use crate::store::messages::Conversations;
use crate::webhook::Recipient;

/// The content of some events.
#[derive(Default)]
pub(in crate::store) struct Content {
    messages: HashMap<MessageId, Message>,
    conversations: HashMap<ConversationId, Conversation>,
    pub max_json_len: HashMap<Target, usize>,
    recipients: HashMap<MessageId, Vec<Recipient>>,
}

impl Content {
    /// The contacts to notify of a new message; none in other events, and if a contact owns the webhook.
    pub fn recipients(&self, entry: Entry) -> Option<Vec<Recipient>> {
        match entry {
            Entry::MessageCreated(id) => self.recipients.get(&id).cloned(),
            _ => None,
        }
    }

    /// The event of a target.
    pub fn event(&self, target: Target, is_new: bool) -> Event {
        match target {
            Target::Message(id) => {
                let message = self.messages.get(&id).cloned();
                let r#type = match (&message, is_new) {
                    (None, _) => EventType::MessageDeleted,
                    (Some(_), true) => EventType::MessageCreated,
                    (Some(_), false) => EventType::MessageUpdated,
                };
                Event {
                    message_id: Some(id),
                    conversation_id: Some(id.conversation()),
                    message,
                    ..Event::new(r#type)
                }
            }
            Target::Conversation(id) => {
                let conversation = self.conversations.get(&id).cloned();
                let r#type = match (&conversation, is_new) {
                    (None, _) => EventType::ConversationDeleted,
                    (Some(_), true) => EventType::ConversationCreated,
                    (Some(_), false) => EventType::ConversationUpdated,
                };
                Event {
                    conversation_id: Some(id),
                    conversation,
                    ..Event::new(r#type)
                }
            }
            Target::AllMessagesOf(id) => Event {
                conversation_id: Some(id),
                ..Event::new(EventType::Resync)
            },
            Target::Everything => Event::new(EventType::Resync),
        }
    }
}

impl Store {
    /// Loads the messages and conversations that the contact can see. Three round trips.
    pub(in crate::store) async fn load_content(
        &self,
        contact: ContactId,
        targets: impl Iterator<Item = Target>,
    ) -> Result<Content> {
        let (mut messages, mut memberships) = (Vec::new(), Vec::new());
        for target in targets {
            match target {
                Target::Message(id) => messages.push(id),
                Target::Conversation(id) => memberships.push(membership::key(contact, id)),
                Target::AllMessagesOf(_) | Target::Everything => {}
            }
        }
        let parents: HashSet<_> = messages.iter().map(MessageId::conversation).collect();
        let parents = parents.into_iter().map(conversation::key);
        let batch = BatchGet::default()
            .keys(&self.tables.conversations, parents)
            .keys(&self.tables.memberships, memberships);
        let mut items = batch.send(&self.db).await?;
        let memberships = self.take_memberships(&mut items)?;
        let visible = self.take_conversations(&mut items)?.into_iter();
        let visible: HashMap<_, _> = visible
            .filter(|conversation| conversation.participants.contains(&contact))
            .map(|conversation| (conversation.id, conversation))
            .collect();
        messages.retain(|id| visible.contains_key(&id.conversation()));
        let rendered = try_join(
            self.render_by_id(Some(contact), messages, &visible),
            self.render_conversations(contact, memberships),
        );
        let (messages, conversations) = rendered.await?;
        let mut content = Content::default();
        for (max_json_len, message) in messages {
            let target = Target::Message(message.id);
            content.max_json_len.insert(target, max_json_len);
            content.messages.insert(message.id, message);
        }
        for rendered in conversations {
            let id = rendered.conversation.id;
            let target = Target::Conversation(id);
            content.max_json_len.insert(target, rendered.max_json_len);
            content.conversations.insert(id, rendered.conversation);
        }
        Ok(content)
    }

    /// The messages that exist, with the most bytes that each takes in a response. Two round trips.
    async fn render_by_id(
        &self,
        participant: Option<ContactId>,
        ids: Vec<MessageId>,
        conversations: &Conversations,
    ) -> Result<Vec<(usize, Message)>> {
        let keys = ids.into_iter().map(message::key);
        let batch = BatchGet::default().keys(&self.tables.messages, keys);
        let mut items = batch.send(&self.db).await?;
        let messages: Vec<_> = self.take_messages(&mut items)?.into_values().collect();
        let lengths: Vec<_> = messages.iter().map(MessageItem::max_json_len).collect();
        let rendered = self
            .render_messages(participant, messages, conversations)
            .await?;
        Ok(lengths.into_iter().zip(rendered).collect())
    }
}
