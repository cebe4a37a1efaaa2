use crate::caller::Caller;
use crate::contact::ContactRef;
use crate::error::Result;
use crate::id::ConversationId;
use crate::key::Scope;
use crate::store::Store;
use crate::store::cleanup::Progress;

impl Store {
    /// Removes any participant. Round trips: key; one for an external id; audit trail; conversation; then as for
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
        self.authenticate_key(caller, Scope::Moderate).await?;
        let participant = match participant {
            Some(participant) => self.resolve(caller, participant).await?,
            None => None,
        };
        let removed = participant.map(|participant| participant.to_string());
        self.audit_with_detail(caller, id, removed).await?;
        let conversation = self.find_any_conversation(id).await?;
        self.remove_from(id, conversation, participant).await
    }
}
