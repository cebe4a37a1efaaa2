use futures_util::future::join;

use crate::caller::Caller;
use crate::conversation::Conversation;
use crate::error::Result;
use crate::id::ConversationId;
use crate::store::Store;

impl Store {
    /// Returns a conversation. Three round trips: token and conversation ‖ newest message; membership;
    /// contacts ‖ unread count.
    pub async fn get_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Result<Conversation> {
        let reads = join(
            self.load_caller_and_conversation(caller, id),
            self.newest_message(id),
        );
        let (read, newest) = reads.await;
        let (contact, conversation) = read?;
        self.view_conversation(contact, id, conversation, newest?)
            .await
    }
}
