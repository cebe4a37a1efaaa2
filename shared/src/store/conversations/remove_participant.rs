use crate::caller::Caller;
use crate::contact::ContactRef;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId};
use crate::store::Store;
use crate::store::cleanup::Progress;
use crate::store::conversations::Departure;
use crate::store::items::conversation::{ConversationItem, visible_to};

impl Store {
    /// Removes a participant: the caller, or another if the caller may manage the conversation, or is a moderator.
    /// `None` is an id that no contact can have.
    ///
    /// # Errors
    ///
    /// As [`Store::leave_conversation`]; [`Error::NotTheCreator`]; [`Error::ConversationOfTwo`];
    /// [`Error::ConversationUnnamed`]; [`Error::ParticipantNotFound`].
    pub async fn remove_participant(
        &self,
        caller: &Caller,
        id: ConversationId,
        participant: Option<&ContactRef>,
    ) -> Result<Progress> {
        let loaded = self.load_caller_and_conversation(caller, id).await;
        let (contact, conversation) = match loaded {
            Err(Error::ContactRequired) => {
                let removed = self.remove_participant_as_moderator(caller, id, participant);
                return Box::pin(removed).await;
            }
            loaded => loaded?,
        };
        let participant = match participant {
            Some(participant) => self.resolve(caller, participant).await?,
            None => None,
        };
        if participant == Some(contact) {
            return self
                .end_participation(conversation, id, contact, Departure::Left)
                .await;
        }
        let conversation = visible_to(contact, conversation).ok_or(Error::ConversationNotFound)?;
        conversation.check_can_be_managed_by(contact)?;
        self.remove_from(id, Some(conversation), participant).await
    }

    /// Removes a participant from a conversation, or continues that; no participant is a contact that does not exist.
    ///
    /// # Errors
    ///
    /// [`Error::ParticipantNotFound`].
    pub(in crate::store) async fn remove_from(
        &self,
        id: ConversationId,
        conversation: Option<ConversationItem>,
        participant: Option<ContactId>,
    ) -> Result<Progress> {
        let participant = participant.ok_or(Error::ParticipantNotFound)?;
        let removal = self.end_participation(conversation, id, participant, Departure::Removed);
        match removal.await {
            Err(Error::ConversationNotFound) => Err(Error::ParticipantNotFound),
            outcome => outcome,
        }
    }
}
