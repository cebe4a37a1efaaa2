//! `PUT /v1/conversations/:id`

use serde::Deserialize;
use shared::conversation::Name;
use shared::error::Invalid;
use shared::http::{Request, Response};
use shared::id::{ConversationId, MessageId};
use shared::metadata::MetadataUpdate;
use shared::store::ConversationUpdate;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateConversation {
    name: Option<Name>,
    #[serde(default)]
    metadata: MetadataUpdate,
    is_muted: Option<bool>,
    is_pinned: Option<bool>,
    archived: Option<bool>,
    read_up_to: Option<MessageId>,
    accepted: Option<bool>,
    closed: Option<bool>,
}

/// Names a conversation or sets its metadata, changes the caller's own settings of it, or marks its messages as read; for a server key, closes
/// it or opens it again.
///
/// # Errors
///
/// 404 if the conversation does not exist for the caller, 403 if the caller may not name it, or close it. Nothing is
/// changed then.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let update: UpdateConversation = request.body()?;
    let id = request.path_id()?;
    let conversation = if let Some(is_closed) = update.closed {
        update.check_closed_is_alone()?;
        store.close_conversation(caller, id, is_closed).await?
    } else {
        let update = update.for_conversation(id)?;
        store.update_conversation(caller, id, &update).await?
    };

    Ok(Response::ok(&conversation))
}

impl UpdateConversation {
    /// Only a server key can close a conversation, and nothing else of it.
    fn check_closed_is_alone(&self) -> Result<(), Invalid> {
        let flags = [self.is_muted, self.is_pinned, self.archived, self.accepted];
        if self.name.is_some()
            || !self.metadata.is_absent()
            || self.read_up_to.is_some()
            || flags != [None; 4]
        {
            let problem = "cannot be combined with other parameters";
            return Err(Invalid::value("closed", problem));
        }
        Ok(())
    }

    fn for_conversation(self, id: ConversationId) -> Result<ConversationUpdate, Invalid> {
        let Self {
            name,
            metadata,
            is_muted,
            is_pinned,
            archived,
            read_up_to,
            accepted,
            closed: _,
        } = self;
        let flags = [is_muted, is_pinned, archived, accepted];
        if name.is_none() && metadata.is_absent() && read_up_to.is_none() && flags == [None; 4] {
            return Err(Invalid::NoneOf {
                params: "name, metadata, is_muted, is_pinned, archived, read_up_to, accepted, closed",
            });
        }
        if read_up_to.is_some_and(|message| message.conversation() != id) {
            let problem = "must be the id of a message of this conversation";
            return Err(Invalid::value("read_up_to", problem));
        }
        if accepted == Some(false) {
            let problem = "must be true: to decline a conversation, leave it";
            return Err(Invalid::value("accepted", problem));
        }
        Ok(ConversationUpdate {
            name,
            metadata,
            is_muted,
            is_pinned,
            archived,
            read_up_to,
            accepted: accepted.is_some(),
        })
    }
}
