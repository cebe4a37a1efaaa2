//! The messages and reactions of a contact.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::Admin;
use crate::store::dynamodb::concurrency::join_bounded;
use crate::store::dynamodb::item::{number_attr, string_attr, string_set_attr};
use crate::store::dynamodb::update::Update;
use crate::store::items::message::{MessageItem, REACTION, key};

/// The number of messages per step.
const STEP: usize = 100;

/// What a contact wrote in all conversations.
#[derive(Default)]
pub struct Content {
    messages: BTreeMap<ConversationId, Vec<MessageId>>,
    /// Each message that it reacted to, with the emoji.
    reactions: Vec<(MessageId, String)>,
}

impl Content {
    pub fn messages(&self) -> usize {
        self.messages.values().map(Vec::len).sum()
    }

    pub fn reactions(&self) -> usize {
        self.reactions.len()
    }
}

impl Admin {
    /// Finds everything that a contact wrote. Scans the messages.
    pub(super) async fn content_of(&self, contact: ContactId) -> Result<Content> {
        let mut content = Content::default();
        let table = &self.store.tables.messages;
        self.store
            .scan(table, |item| {
                let message = MessageItem::from_item(item)?;
                let id = message.id();
                if message.contact_id == contact {
                    let conversation = message.conversation_id;
                    content.messages.entry(conversation).or_default().push(id);
                } else {
                    let own = message.reactions.into_iter();
                    let own = own.filter(|(_, contacts)| contacts.contains(&contact));
                    content.reactions.extend(own.map(|(emoji, _)| (id, emoji)));
                }
                Ok(())
            })
            .await?;
        Ok(content)
    }

    /// Deletes the messages of a contact with their inbox entries.
    pub(super) async fn delete_messages_of(
        &self,
        contact: ContactId,
        content: &Content,
    ) -> Result<()> {
        for (&conversation, ids) in &content.messages {
            let conversation = self.store.load_conversation(conversation).await?;
            let participants = conversation.map(|conversation| conversation.participants);
            let participants = participants.unwrap_or_default();
            for ids in ids.chunks(STEP) {
                let is_author = || ("contact_id", string_attr(contact));
                let deletions = ids
                    .iter()
                    .map(|&id| self.store.delete_message_if(id, is_author(), &participants));
                join_bounded(deletions.collect()).await?;
            }
        }
        Ok(())
    }

    /// Removes the reactions of a contact.
    pub(super) async fn delete_reactions_of(
        &self,
        contact: ContactId,
        content: &Content,
    ) -> Result<()> {
        for reactions in content.reactions.chunks(STEP) {
            let updates = reactions.iter().map(|(id, emoji)| {
                Update::new(
                    &self.store.tables.messages,
                    key(*id),
                    "DELETE #reaction :self ADD version :one",
                    "contains(#reaction, :contact)",
                )
                .name("#reaction", &format!("{REACTION}{emoji}"))
                .value(":self", string_set_attr([contact]))
                .value(":contact", string_attr(contact))
                .value(":one", number_attr(1))
                .send(&self.store.db)
            });
            join_bounded(updates.collect()).await?;
        }
        Ok(())
    }
}
