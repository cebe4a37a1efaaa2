use std::cmp::Reverse;

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
use crate::store::items::message::MessageItem;

impl Store {
    /// The recorded edits of a message, newest first. One round trip, three for a moderator; and
    /// one more if there are any.
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
        let message = message.ok_or(Error::MessageNotFound)?;
        self.load_edits(&message).await
    }

    /// The recorded edits of a message, newest first. One round trip if there are any.
    pub(in crate::store) async fn load_edits(&self, message: &MessageItem) -> Result<Vec<Edit>> {
        let Some(count) = message.edits else {
            return Ok(Vec::new());
        };
        let id = message.id();
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
        // Of the same moment, the one that was recorded later.
        edits.sort_by_cached_key(|edit| (Reverse(edit.edited_at), edit.age(count)));
        Ok(edits.into_iter().map(Edit::from).collect())
    }
}
