//! Mending: one thing at a time, each under the condition that makes it right.

mod parts;
mod people;

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::finding::Finding;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::write::{check, delete};
use crate::store::{Item, Store, contacts, conversations, inbox, messages, s, tokens};

impl Store {
    /// Mends a thing, if it is still wrong; whether it was.
    ///
    /// What nothing refers to is deleted, a token that somebody may call with is listed again, and a contact
    /// whose username is another's stays as it is. A message of a living conversation is never deleted.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn mend(&self, finding: &Finding) -> Result<bool> {
        match finding {
            &Finding::EntryWithoutMessage(contact, message) => {
                self.remove_empty_entry(contact, message).await
            }
            &Finding::EntryOfStranger(contact, message) => {
                let entry = delete(&self.tables.inbox, inbox::key(contact, message))?;
                self.all_of(vec![self.stranger(contact, message.conversation())?, entry])
                    .await
            }
            &Finding::MembershipWithoutPart(contact, conversation) => {
                self.remove_membership(contact, conversation).await
            }
            &Finding::PartWithoutMembership(contact, conversation) => {
                self.restore_membership(contact, conversation).await
            }
            &Finding::UnfinishedLeaving(contact, conversation) => {
                finished(async || self.depart(None, conversation, contact).await).await
            }
            &Finding::UnfinishedClosing(contact, conversation) => {
                self.finish(contact, conversation).await
            }
            &Finding::LostMove(contact, conversation) => {
                self.move_again(contact, conversation).await
            }
            &Finding::MessageWithoutConversation(message) => {
                let message_item = delete(&self.tables.messages, messages::key(message))?;
                self.all_of(vec![self.gone(message.conversation())?, message_item])
                    .await
            }
            Finding::PairWithoutConversation { pair, conversation } => {
                self.remove_pair(*conversation, pair).await
            }
            Finding::ConversationWithoutPair { pair, conversation } => {
                self.restore_pair(*conversation, pair).await
            }
            Finding::UsernameOfNobody {
                username,
                contact,
                otherwise,
            } => {
                self.free_username(username, *contact, otherwise.as_deref())
                    .await
            }
            Finding::ContactWithoutUsername { contact, username } => {
                self.take_username(*contact, username).await
            }
            Finding::UnlistedToken(token) => self.list_token(token).await,
            Finding::LostToken(token) => {
                let absent = "attribute_not_exists(token_hash)";
                let unknown = check(&self.tables.tokens, by_hash(&token.hash), absent, &[])?;
                let key = tokens::id_key(token.contact, token.id);
                let listing = delete(&self.tables.token_ids, key)?;
                self.all_of(vec![unknown, listing]).await
            }
            Finding::TokenOfNobody(token) => {
                let key = tokens::id_key(token.contact, token.id);
                self.all_of(vec![
                    self.nobody(token.contact)?,
                    delete(&self.tables.tokens, by_hash(&token.hash))?,
                    delete(&self.tables.token_ids, key)?,
                ])
                .await
            }
        }
    }

    async fn remove_empty_entry(&self, contact: ContactId, message: MessageId) -> Result<bool> {
        let absent = "attribute_not_exists(contact_id)";
        let gone = check(&self.tables.messages, messages::key(message), absent, &[])?;
        let entry = delete(&self.tables.inbox, inbox::key(contact, message))?;
        self.all_of(vec![gone, entry]).await
    }

    /// The part of a transaction that needs a contact not to take part in a conversation.
    fn stranger(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<TransactWriteItem> {
        check(
            &self.tables.conversations,
            conversations::key(conversation),
            "attribute_not_exists(participants) OR NOT contains(participants, :contact)",
            &[(":contact", s(contact))],
        )
    }

    /// The part of a transaction that needs a conversation to be gone.
    fn gone(&self, conversation: ConversationId) -> Result<TransactWriteItem> {
        let key = conversations::key(conversation);
        let absent = "attribute_not_exists(id)";
        check(&self.tables.conversations, key, absent, &[])
    }

    /// The part of a transaction that needs a contact to be gone.
    fn nobody(&self, contact: ContactId) -> Result<TransactWriteItem> {
        let key = contacts::key(contact);
        check(&self.tables.contacts, key, "attribute_not_exists(id)", &[])
    }

    /// Whether the conditions of a transaction held.
    async fn all_of(&self, items: Vec<TransactWriteItem>) -> Result<bool> {
        Ok(self.transact(items).await?.is_empty())
    }
}

/// Goes on until nothing is left to be done.
async fn finished(step: impl AsyncFn() -> Result<()>) -> Result<bool> {
    loop {
        match step().await {
            Ok(()) => return Ok(true),
            Err(Error::Unfinished) => {}
            // Somebody has come back.
            Err(Error::ConversationNotFound { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

fn by_hash(hash: &str) -> Item {
    Item::from([("token_hash".to_owned(), s(hash))])
}
