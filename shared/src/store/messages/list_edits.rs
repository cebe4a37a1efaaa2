use super::MessageContext;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::MessageId;
use crate::message::Edit;
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::item::{from_item, string_attr};
use crate::store::dynamodb::query::{NO_LIMIT, query_items};
use crate::store::items::edit::{EditItem, prefix};

impl Store {
    /// The recorded edits of a message, newest first. One round trip, and one more if there are any; three and one
    /// more for a moderator.
    ///
    /// # Errors
    ///
    /// [`Error::MessageNotFound`].
    pub async fn list_edits(&self, caller: &Caller, id: MessageId) -> Result<Vec<Edit>> {
        let context = self.load_message_context(caller, id, BatchGet::default());
        let message = match context.await {
            Ok(MessageContext { message, .. }) => message,
            Err(Error::ContactRequired) => {
                let moderated = self.load_message_as_moderator(caller, id).await?;
                moderated.message
            }
            Err(error) => return Err(error),
        };
        if message.ok_or(Error::MessageNotFound)?.edits.is_none() {
            return Ok(Vec::new());
        }
        let query = self
            .db
            .query()
            .table_name(&self.tables.edits)
            .consistent_read(true)
            .key_condition_expression(
                "conversation_id = :conversation AND begins_with(id, :message)",
            )
            .expression_attribute_values(":conversation", string_attr(id.conversation()))
            .expression_attribute_values(":message", string_attr(prefix(id)));
        let edits = query_items(query, NO_LIMIT).await?.into_iter();
        let mut edits: Vec<EditItem> = edits.map(from_item).collect::<Result<_>>()?;
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.edited_at));
        Ok(edits.into_iter().map(Edit::from).collect())
    }
}
