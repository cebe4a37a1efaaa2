//! Creating a conversation: one transaction writes the conversation and a membership per participant.

use std::collections::BTreeSet;

use futures_util::future::join;

use crate::caller::Caller;
use crate::conversation::{Conversation, MAX_PARTICIPANTS, Name, Participants};
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId};
use crate::store::Store;
use crate::store::dynamodb::item::from_item;
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::put_new;
use crate::store::items::conversation::{ConversationItem, PairItem, pair_id, pair_key};
use crate::store::items::membership::Membership;

/// A conversation to be created.
#[derive(Debug)]
pub struct NewConversation {
    /// The participants besides the caller.
    pub participants: Participants,
    /// Its name, if it has one.
    pub name: Option<Name>,
}

/// The result of creating a conversation.
#[derive(Debug)]
pub enum CreatedConversation {
    /// A new conversation.
    New(Conversation),
    /// The unnamed conversation that the two contacts already have.
    Existing(Conversation),
}

impl Store {
    /// Creates a conversation of the caller and others, or returns the unnamed conversation that the two
    /// already have. Three round trips: token ‖ participants; transaction; contacts.
    ///
    /// # Errors
    ///
    /// [`Error::MentionNotFound`]; [`Error::InvalidParticipantCount`].
    pub async fn create_conversation(
        &self,
        caller: &Caller,
        new: NewConversation,
    ) -> Result<CreatedConversation> {
        let reads = join(
            self.authenticate(caller),
            self.resolve_mentions(new.participants.as_slice()),
        );
        let (contact, mentioned) = reads.await;
        let contact = contact?;
        let mut participants = mentioned?;
        participants.insert(contact);
        let conversation = ConversationItem {
            id: ConversationId::random(),
            pair: pair_id(&participants).filter(|_| new.name.is_none()),
            participants,
            name: new.name.map(Into::into),
            creator: Some(contact),
            closed_by: None,
            created_at: self.clock.now(),
        };
        let mut backoff = Backoff::default();
        loop {
            if self.write_conversation(&conversation).await? {
                let joined_at = conversation.created_at;
                let membership = Membership::new(contact, conversation.id, joined_at);
                let conversation = self.render_conversation(conversation, membership, None);
                return Ok(CreatedConversation::New(conversation.await?));
            }
            if let Some(existing) = self.existing_conversation(&conversation, contact).await? {
                return Ok(CreatedConversation::Existing(existing));
            }
            backoff
                .wait("a participant is leaving the existing conversation of the two")
                .await?;
        }
    }

    /// Writes a conversation and its memberships. Returns false if the conversation or its pair exists.
    pub(in crate::store) async fn write_conversation(
        &self,
        conversation: &ConversationItem,
    ) -> Result<bool> {
        check_size(&conversation.participants)?;
        let table = &self.tables.conversations;
        let mut items = vec![put_new(table, "id", conversation)?];
        if let Some(id) = conversation.pair.clone() {
            let pair = PairItem {
                id,
                conversation_id: conversation.id,
            };
            items.push(put_new(table, "id", &pair)?);
        }
        let joined_at = conversation.created_at;
        items.extend(self.membership_puts(
            conversation.id,
            &conversation.participants,
            joined_at,
        )?);
        self.transact(items).await
    }

    /// The conversation that the two participants already have, as the caller sees it.
    async fn existing_conversation(
        &self,
        conversation: &ConversationItem,
        caller: ContactId,
    ) -> Result<Option<Conversation>> {
        let Some(pair) = &conversation.pair else {
            return Err(Error::AlreadyExists);
        };
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.conversations)
            .set_key(Some(pair_key(pair)));
        let Some(item) = get.consistent_read(true).send().await?.item else {
            return Ok(None);
        };
        let id = from_item::<PairItem>(item)?.conversation_id;
        let reads = join(self.load_conversation(id), self.newest_message(id));
        let (existing, newest) = reads.await;
        let view = self.view_conversation(caller, id, existing?, newest?);
        match view.await {
            Ok(existing) => Ok(Some(existing)),
            Err(Error::ConversationNotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A send writes to every participant's inbox in one transaction, which limits their number.
pub fn check_size(participants: &BTreeSet<ContactId>) -> Result<()> {
    let count = participants.len();
    if count > MAX_PARTICIPANTS {
        Err(Error::InvalidParticipantCount { count })
    } else {
        Ok(())
    }
}
