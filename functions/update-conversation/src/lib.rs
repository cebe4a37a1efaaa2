//! `PUT /v1/conversations/:id`

use serde::Deserialize;
use shared::conversation::Name;
use shared::error::Invalid;
use shared::http::{Request, Response};
use shared::id::{ConversationId, MessageId};
use shared::store::ConversationUpdate;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateConversation {
    name: Option<Name>,
    is_muted: Option<bool>,
    is_pinned: Option<bool>,
    archived: Option<bool>,
    read_up_to: Option<MessageId>,
}

/// Names a conversation, changes the caller's own settings of it, or marks its messages as read.
///
/// # Errors
///
/// 404 if the conversation does not exist for the caller, 403 if the caller may not name it. Nothing is
/// changed then.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let update: UpdateConversation = request.body()?;
    let id = request.path_id()?;
    let update = update.for_conversation(id)?;

    let conversation = store.update_conversation(caller, id, &update).await?;

    Ok(Response::ok(&conversation))
}

impl UpdateConversation {
    fn for_conversation(self, id: ConversationId) -> Result<ConversationUpdate, Invalid> {
        let Self {
            name,
            is_muted,
            is_pinned,
            archived,
            read_up_to,
        } = self;
        let flags = [is_muted, is_pinned, archived];
        if name.is_none() && read_up_to.is_none() && flags == [None; 3] {
            return Err(Invalid::NoneOf {
                params: "name, is_muted, is_pinned, archived, read_up_to",
            });
        }
        if read_up_to.is_some_and(|message| message.conversation() != id) {
            let problem = "must be the id of a message of this conversation";
            return Err(Invalid::value("read_up_to", problem));
        }
        Ok(ConversationUpdate {
            name,
            is_muted,
            is_pinned,
            archived,
            read_up_to,
        })
    }
}
