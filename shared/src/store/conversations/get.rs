use super::Participation;
use crate::caller::Caller;
use crate::conversation::Conversation;
use crate::error::{Error, Result};
use crate::id::ConversationId;
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;

impl Store {
    /// Returns a conversation. Three round trips: token and conversation ‖ newest message; membership;
    /// contacts ‖ unread count. A moderator need not participate.
    pub async fn get_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Result<Conversation> {
        let batch = BatchGet::default();
        let read = self.load_as_participant(caller, id, batch, self.newest_message(id));
        let (
            Participation {
                caller,
                conversation,
            },
            _,
            newest,
        ) = match read.await {
            Err(Error::ContactRequired) => {
                return Box::pin(self.get_conversation_as_moderator(caller, id)).await;
            }
            read => read?,
        };
        self.view_conversation(caller, id, Some(conversation), newest)
            .await
    }
}
