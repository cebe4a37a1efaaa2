use super::ModeratedMessage;
use crate::caller::Caller;
use crate::error::Result;
use crate::id::MessageId;
use crate::store::Store;
use crate::store::dynamodb::retry::Backoff;
use crate::version::Expected;

impl Store {
    /// Deletes any message, if it is in one of the expected versions; one that does not exist is deleted already.
    /// Four round trips: key; audit trail; message and conversation; transaction.
    ///
    /// # Errors
    ///
    /// [`Error::PreconditionFailed`](crate::Error::PreconditionFailed).
    pub(in crate::store) async fn delete_message_as_moderator(
        &self,
        caller: &Caller,
        id: MessageId,
        expected: Option<&Expected>,
    ) -> Result<()> {
        let mut moderated = self.load_message_as_moderator(caller, id).await?;
        let mut backoff = Backoff::default();
        loop {
            let ModeratedMessage {
                message,
                conversation,
            } = moderated;
            let Some(message) = message else {
                return Ok(());
            };
            if self
                .delete_loaded_message(&message, expected, Some(&conversation))
                .await?
            {
                return Ok(());
            }
            backoff.wait("the message keeps changing").await?;
            moderated = self.load_any_message(id).await?;
        }
    }
}
