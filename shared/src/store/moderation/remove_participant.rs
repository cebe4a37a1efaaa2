use crate::caller::Caller;
use crate::contact::ContactRef;
use crate::error::Result;
use crate::id::ConversationId;
use crate::store::Store;
use crate::store::cleanup::Progress;

impl Store {
    /// Removes any participant. Round trips: key; audit trail; conversation; one for an external id; then as for
    /// [`Store::leave_conversation`].
    ///
    /// # Errors
    ///
    /// [`Error::ParticipantNotFound`](crate::Error::ParticipantNotFound).
    pub(in crate::store) async fn remove_participant_as_moderator(
        &self,
        caller: &Caller,
        id: ConversationId,
        participant: Option<&ContactRef>,
    ) -> Result<Progress> {
        let conversation = self.find_as_moderator(caller, id).await?;
        let participant = match participant {
            Some(participant) => self.resolve(caller, participant).await?,
            None => None,
        };
        self.remove_from(id, conversation, participant).await
    }
}
