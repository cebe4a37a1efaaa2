//! Repairs one inconsistency at a time, in a transaction whose conditions state that it still exists.

mod contacts;
mod conversations;

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::Admin;
use super::check::{Inconsistency, InconsistentToken};
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::dynamodb::item::string_attr;
use crate::store::dynamodb::transaction::{condition_check, delete};
use crate::store::items::token::{hash_key, listing_key};
use crate::store::items::{contact, conversation, inbox_entry, message};

impl Admin {
    /// Repairs an inconsistency if it still exists. Returns whether it did.
    ///
    /// Items that nothing refers to are deleted, and a valid token is listed again. A contact whose username
    /// belongs to another stays as it is. A message of an existing conversation is never deleted.
    pub async fn repair(&self, inconsistency: &Inconsistency) -> Result<bool> {
        match inconsistency {
            &Inconsistency::EntryWithoutMessage(contact, message) => {
                self.delete_entry_without_message(contact, message).await
            }
            &Inconsistency::EntryOfNonParticipant(contact, message) => {
                self.delete_entry_of_non_participant(contact, message).await
            }
            &Inconsistency::MembershipOfNonParticipant(contact, conversation) => {
                self.delete_membership(contact, conversation).await
            }
            &Inconsistency::ParticipantWithoutMembership(contact, conversation) => {
                self.restore_membership(contact, conversation).await
            }
            &Inconsistency::UnfinishedLeave(contact, conversation) => {
                let leave = async || {
                    let store = &self.store;
                    store.end_participation(None, conversation, contact).await
                };
                repeat_until_finished(leave).await
            }
            &Inconsistency::UnfinishedClose(contact, conversation) => {
                self.finish_close(contact, conversation).await
            }
            &Inconsistency::StalePosition(contact, conversation) => {
                self.restore_position(contact, conversation).await
            }
            &Inconsistency::MessageWithoutConversation(message) => {
                self.delete_message_without_conversation(message).await
            }
            Inconsistency::PairWithoutConversation { pair, conversation } => {
                self.delete_pair(*conversation, pair).await
            }
            Inconsistency::ConversationWithoutPair { pair, conversation } => {
                self.restore_pair(*conversation, pair).await
            }
            Inconsistency::UsernameWithoutContact {
                username,
                contact,
                actual,
            } => {
                self.delete_username(username, *contact, actual.as_deref())
                    .await
            }
            Inconsistency::ContactWithoutUsername { contact, username } => {
                self.restore_username(*contact, username).await
            }
            Inconsistency::UnlistedToken(token) => self.restore_listing(token).await,
            Inconsistency::ListedInvalidToken(token) => self.delete_listing(token).await,
            Inconsistency::TokenWithoutContact(token) => {
                self.delete_token_without_contact(token).await
            }
        }
    }

    async fn delete_entry_without_message(
        &self,
        contact: ContactId,
        message: MessageId,
    ) -> Result<bool> {
        let absent = "attribute_not_exists(contact_id)";
        let tables = &self.store.tables;
        let items = vec![
            condition_check(&tables.messages, message::key(message), absent, &[])?,
            delete(&tables.inbox, inbox_entry::key(contact, message))?,
        ];
        self.store.transact(items).await
    }

    async fn delete_entry_of_non_participant(
        &self,
        contact: ContactId,
        message: MessageId,
    ) -> Result<bool> {
        let key = inbox_entry::key(contact, message);
        let items = vec![
            self.is_not_participant(contact, message.conversation())?,
            delete(&self.store.tables.inbox, key)?,
        ];
        self.store.transact(items).await
    }

    async fn delete_message_without_conversation(&self, id: MessageId) -> Result<bool> {
        let conversation = conversation::key(id.conversation());
        let absent = "attribute_not_exists(id)";
        let tables = &self.store.tables;
        let items = vec![
            condition_check(&tables.conversations, conversation, absent, &[])?,
            delete(&tables.messages, message::key(id))?,
        ];
        self.store.transact(items).await
    }

    async fn delete_listing(&self, token: &InconsistentToken) -> Result<bool> {
        let absent = "attribute_not_exists(token_hash)";
        let tables = &self.store.tables;
        let items = vec![
            condition_check(&tables.tokens, hash_key(&token.hash), absent, &[])?,
            delete(&tables.token_ids, listing_key(token.contact, token.id))?,
        ];
        self.store.transact(items).await
    }

    async fn delete_token_without_contact(&self, token: &InconsistentToken) -> Result<bool> {
        let tables = &self.store.tables;
        let items = vec![
            self.contact_does_not_exist(token.contact)?,
            delete(&tables.tokens, hash_key(&token.hash))?,
            delete(&tables.token_ids, listing_key(token.contact, token.id))?,
        ];
        self.store.transact(items).await
    }

    fn is_not_participant(
        &self,
        contact: ContactId,
        conversation: ConversationId,
    ) -> Result<TransactWriteItem> {
        condition_check(
            &self.store.tables.conversations,
            conversation::key(conversation),
            "attribute_not_exists(participants) OR NOT contains(participants, :contact)",
            &[(":contact", string_attr(contact))],
        )
    }

    fn contact_does_not_exist(&self, contact: ContactId) -> Result<TransactWriteItem> {
        let key = contact::key(contact);
        let absent = "attribute_not_exists(id)";
        condition_check(&self.store.tables.contacts, key, absent, &[])
    }
}

/// Repeats a cleanup until it is complete. Returns false if the contact is a participant again.
async fn repeat_until_finished(step: impl AsyncFn() -> Result<()>) -> Result<bool> {
    loop {
        match step().await {
            Ok(()) => return Ok(true),
            Err(Error::Unfinished) => {}
            Err(Error::ConversationNotFound) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
