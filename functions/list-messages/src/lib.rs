//! `GET /v1/messages`

use serde::Deserialize;
use shared::error::Invalid;
use shared::http::{Request, Response};
use shared::id::{ConversationId, MessageId};
use shared::page::{Cursor, Limit, Window};
use shared::time::{Micros, Seconds};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListMessages {
    conversation_id: Option<ConversationId>,
    limit: Option<Limit>,
    starting_after: Option<MessageId>,
    ending_before: Option<MessageId>,
    #[serde(default)]
    created_at: CreatedAt,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreatedAt {
    gte: Option<Seconds>,
    lt: Option<Seconds>,
}

/// Answers with a page of a conversation, or of all that the caller takes part in.
///
/// # Errors
///
/// 404 if there is no such conversation for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let list: ListMessages = request.query()?;
    let window = list.window()?;

    let page = match list.conversation_id {
        Some(conversation) => store.messages(caller, conversation, &window).await?,
        None => store.inbox(caller, &window).await?,
    };

    Ok(Response::page(
        &request,
        &page,
        window.cursor.as_ref(),
        |message| message.id,
    ))
}

impl ListMessages {
    fn window(&self) -> Result<Window, Invalid> {
        let cursor = Cursor::of(self.starting_after, self.ending_before)?;
        if let (Some(cursor), Some(conversation)) = (cursor, self.conversation_id)
            && cursor.id().conversation() != conversation
        {
            return Err(Invalid::value(
                cursor.param(),
                "must be the id of a message of that conversation",
            ));
        }
        Ok(Window {
            limit: self.limit.unwrap_or_default(),
            cursor,
            from: self.created_at.gte.map_or(Micros(0), Into::into),
            until: self.created_at.lt.map(Into::into),
        })
    }
}
