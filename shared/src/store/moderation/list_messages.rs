use std::collections::HashMap;

use crate::caller::Caller;
use crate::error::Result;
use crate::id::ConversationId;
use crate::message::Message;
use crate::page::{Page, Window};
use crate::store::Store;
use crate::store::messages::page;
use crate::store::viewer::Viewer;

impl Store {
    /// Returns a page of a conversation. Five round trips: key; audit trail; conversation; messages; contacts ‖ older
    /// reads.
    pub(in crate::store) async fn list_messages_as_moderator(
        &self,
        caller: &Caller,
        id: ConversationId,
        window: &Window,
    ) -> Result<Page<Message>> {
        let conversation = self.load_as_moderator(caller, id).await?;
        let messages = self.messages_in(id, window).await?;
        let page = page(messages, window);
        self.render_page(page, HashMap::new(), &conversation, Viewer::Operator)
            .await
    }
}
