use std::collections::HashMap;

use futures_util::future::try_join;

use crate::caller::Caller;
use crate::conversation::Conversation;
use crate::error::Result;
use crate::id::ConversationId;
use crate::store::Store;
use crate::store::conversations::displayed_contacts;
use crate::store::items::conversation::ConversationItem;
use crate::store::viewer::Viewer;

impl Store {
    /// Returns a conversation, as someone sees it who has no settings of it. Five round trips: key; audit trail;
    /// conversation; newest message; contacts ‖ older reads.
    pub(in crate::store) async fn get_conversation_as_moderator(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Result<Conversation> {
        let conversation = self.load_as_moderator(caller, id).await?;
        self.render_for_moderator(conversation).await
    }

    /// Two round trips: newest message; contacts ‖ older reads.
    pub(in crate::store) async fn render_for_moderator(
        &self,
        conversation: ConversationItem,
    ) -> Result<Conversation> {
        let mut newest = self.newest_message(conversation.id).await?;
        let needed = displayed_contacts(&conversation, newest.as_ref());
        let (displayed, read_log) = try_join(
            self.load_displayed(HashMap::new(), &needed, &newest),
            self.load_reads(conversation.id, &conversation.read_log, newest.iter()),
        )
        .await?;
        if let Some(newest) = &mut newest {
            read_log.apply(newest);
        }
        let newest_at = newest.as_ref().map(|newest| newest.created_at);
        let participants = conversation.participants.iter();
        let viewer = Viewer::Operator;
        Ok(Conversation {
            id: conversation.id,
            name: conversation.name,
            metadata: conversation.metadata,
            contacts: participants
                .map(|&id| viewer.contact(&displayed.profiles, id))
                .collect(),
            is_pending: false,
            is_pinned: false,
            is_muted: false,
            unread_count: 0,
            last_message: newest.map(|newest| newest.render(viewer, &displayed)),
            last_active_at: newest_at.unwrap_or(conversation.created_at).into(),
            last_opened_at: None,
            archived_at: None,
            created_at: conversation.created_at.into(),
            closed_at: conversation.closed_at.map(Into::into),
        })
    }
}
