use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId};
use crate::store::Store;
use crate::store::items::conversation::visible_to;

impl Store {
    /// Removes a participant: the caller, or another if the caller may manage the conversation. `None` is
    /// an id that no contact can have.
    ///
    /// # Errors
    ///
    /// As [`Store::leave_conversation`]; [`Error::NotTheCreator`]; [`Error::ConversationUnnamed`];
    /// [`Error::ParticipantNotFound`].
    pub async fn remove_participant(
        &self,
        caller: &Caller,
        id: ConversationId,
        participant: Option<ContactId>,
    ) -> Result<()> {
        let (contact, conversation) = self.load_caller_and_conversation(caller, id).await?;
        if participant == Some(contact) {
            return self.end_participation(conversation, id, contact).await;
        }
        let conversation = visible_to(contact, conversation).ok_or(Error::ConversationNotFound)?;
        conversation.check_can_be_managed_by(contact)?;
        let participant = participant.ok_or(Error::ParticipantNotFound)?;
        let removal = self.end_participation(Some(conversation), id, participant);
        match removal.await {
            Err(Error::ConversationNotFound) => Err(Error::ParticipantNotFound),
            outcome => outcome,
        }
    }
}
