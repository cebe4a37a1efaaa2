use crate::caller::Caller;
use crate::conversation::Conversation;
use crate::error::{Error, Result};
use crate::id::ConversationId;
use crate::key::Scope;
use crate::store::Store;
use crate::store::dynamodb::item::number_attr;
use crate::store::dynamodb::update::Update;
use crate::store::items::conversation::{ConversationItem, key};

impl Store {
    /// Closes a conversation, so that nobody can write to it, or opens it again. Six round trips: key; audit trail;
    /// conversation; update; newest message; contacts ‖ older reads.
    ///
    /// What was sent before the conversation was closed, and is stored a moment later, stays.
    ///
    /// # Errors
    ///
    /// [`Error::KeyRequired`]; [`Error::ScopeMissing`]; [`Error::ConversationNotFound`].
    pub async fn close_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
        is_closed: bool,
    ) -> Result<Conversation> {
        self.authenticate_key(caller, Scope::Moderate).await?;
        let change = if is_closed { "closed" } else { "reopened" };
        self.audit_with_detail(caller, id, Some(change.to_owned()))
            .await?;
        let conversation = self.load_any_conversation(id).await?;
        let closed_at = is_closed.then(|| conversation.closed_at.unwrap_or(self.clock.now()));
        let table = &self.tables.conversations;
        let exists = "attribute_exists(participants)";
        let update = match closed_at {
            None => Update::new(table, key(id), "REMOVE closed_at", exists),
            Some(moment) => {
                let set = "SET closed_at = if_not_exists(closed_at, :moment)";
                Update::new(table, key(id), set, exists).value(":moment", number_attr(moment.0))
            }
        };
        if !update.send(&self.db).await? {
            return Err(Error::ConversationNotFound);
        }
        let conversation = ConversationItem {
            closed_at,
            ..conversation
        };
        self.render_for_moderator(conversation).await
    }
}
