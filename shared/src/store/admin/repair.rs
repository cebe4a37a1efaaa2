//! Repairs one inconsistency at a time, in a transaction whose conditions state that it still exists.

mod acquaintances;
mod attachments;
mod contacts;
mod conversations;
mod keys;
mod pins;
mod webhooks;

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::Admin;
use super::check::{Inconsistency, InconsistentToken};
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::store::cleanup::Progress;
use crate::store::dynamodb::item::string_attr;
use crate::store::dynamodb::transaction::{condition_check, delete};
use crate::store::items::token::{hash_key, listing_key};
use crate::store::items::{contact, conversation, edit, inbox_entry, message, read_log};

impl Admin {
    /// Repairs an inconsistency if it still exists. Returns whether it did.
    ///
    /// Items that nothing refers to are deleted, a valid token is listed again, and one whose issuing token is
    /// gone is revoked. A contact whose username
    /// belongs to another stays as it is. A message of an existing conversation is never deleted.
    #[expect(clippy::too_many_lines, reason = "an arm per kind of inconsistency")]
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
                let clean_up = async || self.store.clean_up_again(contact, conversation).await;
                repeat_until_finished(clean_up).await
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
            &Inconsistency::AttachmentWithoutMessage(attachment, message) => {
                self.delete_attachment_without_message(attachment, message)
                    .await
            }
            &Inconsistency::MissingAttachment(message, attachment) => {
                self.restore_or_take_off(message, attachment).await
            }
            &Inconsistency::FileWithoutAttachment(attachment) => {
                self.delete_file_without_attachment(attachment).await
            }
            // The bytes are gone; and an operator decides whether to erase a contact.
            Inconsistency::AttachmentWithoutFile(_) | Inconsistency::UnfinishedErasure(_) => {
                Ok(false)
            }
            &Inconsistency::UnlistedPinnedMessage(message) => {
                self.list_pinned_message(message).await
            }
            &Inconsistency::ListedUnpinnedMessage(message) => {
                self.unlist_unpinned_message(message).await
            }
            &Inconsistency::UnlistedWebhook(owner, id) => {
                self.delete_unlisted_webhook(owner, id).await
            }
            &Inconsistency::ListedMissingWebhook(owner, id) => {
                self.unlist_missing_webhook(owner, id).await
            }
            Inconsistency::EditWithoutMessage { message, id } => {
                self.delete_edit_without_message(*message, id).await
            }
            Inconsistency::ReadsWithoutConversation {
                conversation,
                up_to,
            } => {
                self.delete_reads_without_conversation(*conversation, up_to)
                    .await
            }
            Inconsistency::PairWithoutConversation { pair, conversation } => {
                self.delete_pair(*conversation, pair).await
            }
            Inconsistency::ConversationWithoutPair { pair, conversation } => {
                self.restore_pair(*conversation, pair).await
            }
            Inconsistency::UnmarkedConversationOfTwo(conversation) => {
                self.mark_as_of_two(*conversation).await
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
            Inconsistency::MembershipInWrongList(contact, conversation) => {
                self.move_to_right_list(*contact, *conversation).await
            }
            Inconsistency::MissingAcquaintance(contact, other, conversation) => {
                self.add_acquaintance(*contact, *other, *conversation).await
            }
            Inconsistency::StaleAcquaintance(contact, other, conversation) => {
                self.delete_acquaintance(*contact, *other, *conversation)
                    .await
            }
            Inconsistency::IncompleteAcquaintances(contact) => {
                self.mark_acquaintances_complete(*contact).await
            }
            Inconsistency::UnlistedToken(token) => self.restore_listing(token).await,
            Inconsistency::ListedInvalidToken(token) => self.delete_listing(token).await,
            Inconsistency::TokenWithoutContact(token) => {
                self.delete_token_without_contact(token).await
            }
            Inconsistency::TokenWithoutIssuer(token) => {
                self.revoke_token_without_issuer(token).await
            }
            Inconsistency::UnlistedKey { hash, .. } => self.restore_key_listing(hash).await,
            Inconsistency::ListedInvalidKey(id) => self.delete_key_listing(*id).await,
            Inconsistency::AccountWithoutKey(id) => self.delete_key_account(*id).await,
            Inconsistency::ExternalIdWithoutContact {
                external_id,
                contact,
            } => self.delete_external_id(external_id, *contact).await,
            Inconsistency::ContactWithoutExternalId {
                contact,
                external_id,
            } => self.restore_external_id(*contact, external_id).await,
            Inconsistency::ExternalIdWithWrongSuspension {
                external_id,
                contact,
            } => self.correct_external_id(*contact, external_id).await,
            Inconsistency::MissingInDirectory(contact) => self.add_to_directory(*contact).await,
            Inconsistency::DirectoryEntryWithoutContact(contact) => {
                self.delete_from_directory(*contact).await
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

    async fn delete_edit_without_message(&self, message: MessageId, id: &str) -> Result<bool> {
        let absent = "attribute_not_exists(contact_id)";
        let tables = &self.store.tables;
        let edit = edit::key(message.conversation(), id);
        let items = vec![
            condition_check(&tables.messages, message::key(message), absent, &[])?,
            delete(&tables.edits, edit)?,
        ];
        self.store.transact(items).await
    }

    async fn delete_reads_without_conversation(
        &self,
        conversation: ConversationId,
        up_to: &str,
    ) -> Result<bool> {
        let absent = "attribute_not_exists(id)";
        let tables = &self.store.tables;
        let items = vec![
            condition_check(
                &tables.conversations,
                conversation::key(conversation),
                absent,
                &[],
            )?,
            delete(&tables.reads, read_log::key(conversation, up_to))?,
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
async fn repeat_until_finished(step: impl AsyncFn() -> Result<Progress>) -> Result<bool> {
    loop {
        match step().await {
            Ok(Progress::Finished) => return Ok(true),
            Ok(Progress::Unfinished) => {}
            Err(Error::ConversationNotFound) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
