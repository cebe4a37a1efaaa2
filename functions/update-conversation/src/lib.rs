//! `PUT /v1/conversations/:id`

use serde::Deserialize;
use shared::conversation::Name;
use shared::error::Invalid;
use shared::http::{Request, Response};
use shared::id::{ConversationId, MessageId};
use shared::store::ChangeOfConversation;
use shared::{Error, Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateConversation {
    name: Option<Name>,
    is_muted: Option<bool>,
    is_pinned: Option<bool>,
    archived: Option<bool>,
    read_up_to: Option<MessageId>,
}

/// Names a conversation, or changes what of it is the caller's own.
///
/// # Errors
///
/// 404 if there is no such conversation for the caller, 403 if somebody else may name it; then
/// nothing is changed.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let update: UpdateConversation = request.body()?;
    let id = request
        .id()
        .ok_or(Error::ConversationNotFound { param: "id" })?;
    let change = update.into_change(id)?;

    let conversation = store.change_conversation(caller, id, &change).await?;

    Ok(Response::ok(&conversation))
}

impl UpdateConversation {
    fn into_change(self, id: ConversationId) -> Result<ChangeOfConversation, Invalid> {
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
        Ok(ChangeOfConversation {
            name,
            is_muted,
            is_pinned,
            archived,
            read_up_to,
        })
    }
}
