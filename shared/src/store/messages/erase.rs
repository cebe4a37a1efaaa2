//! What a contact wrote: finding all of it, and removing it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{REACTION, Row, key};
use crate::error::Result;
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::batch::all;
use crate::store::write::Update;
use crate::store::{Store, n, s};

/// How many messages are removed before the next are looked at.
const STEP: usize = 100;

/// What a contact wrote, wherever.
#[derive(Default)]
pub(in crate::store) struct Written {
    messages: BTreeMap<ConversationId, Vec<MessageId>>,
    /// To which messages it reacted, and with what.
    reactions: Vec<(MessageId, String)>,
}

impl Written {
    pub(in crate::store) fn messages(&self) -> usize {
        self.messages.values().map(Vec::len).sum()
    }

    pub(in crate::store) fn reactions(&self) -> usize {
        self.reactions.len()
    }
}

impl Store {
    /// All that a contact wrote; reads all messages.
    pub(in crate::store) async fn written_by(&self, contact: ContactId) -> Result<Written> {
        let mut written = Written::default();
        self.each(&self.tables.messages, |item| {
            let row = Row::of(item)?;
            let id = row.id();
            if row.contact_id == contact {
                let messages = written.messages.entry(row.conversation_id).or_default();
                messages.push(id);
            } else {
                let own = row.reactions.into_iter();
                let own = own.filter(|(_, contacts)| contacts.contains(&contact));
                written.reactions.extend(own.map(|(emoji, _)| (id, emoji)));
            }
            Ok(())
        })
        .await?;
        Ok(written)
    }

    /// Deletes the messages of a contact, with their inbox entries.
    pub(in crate::store) async fn remove_written(
        &self,
        contact: ContactId,
        written: &Written,
    ) -> Result<()> {
        for (&conversation, ids) in &written.messages {
            let row = self.conversation_row(conversation).await?;
            let participants = row.map(|row| row.participants).unwrap_or_default();
            for ids in ids.chunks(STEP) {
                let author = || ("contact_id", s(contact));
                let removals = ids
                    .iter()
                    .map(|&id| self.remove(id, author(), &participants));
                all(removals.collect()).await?;
            }
        }
        Ok(())
    }

    /// Takes the reactions of a contact back.
    pub(in crate::store) async fn remove_reactions(
        &self,
        contact: ContactId,
        written: &Written,
    ) -> Result<()> {
        for reactions in written.reactions.chunks(STEP) {
            let removals = reactions.iter().map(|(id, emoji)| {
                Update::new(
                    &self.tables.messages,
                    key(*id),
                    "DELETE #reaction :me ADD version :one",
                    "contains(#reaction, :contact)",
                )
                .naming("#reaction", &format!("{REACTION}{emoji}"))
                .with(":me", AttributeValue::Ss(vec![contact.to_string()]))
                .with(":contact", s(contact))
                .with(":one", n(1))
                .send(&self.db)
            });
            all(removals.collect()).await?;
        }
        Ok(())
    }
}
