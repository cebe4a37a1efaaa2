//! `GET /v1/messages`

use serde::Deserialize;
use shared::error::Invalid;
use shared::http::{self, Request, Response};
use shared::id::{ConversationId, MessageId};
use shared::page::{Limit, Window};
use shared::time::{Micros, TimeBound};
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
    gte: Option<TimeBound>,
    lt: Option<TimeBound>,
}

/// Returns a page of the messages of one conversation, or of all conversations of the caller.
///
/// # Errors
///
/// 404 if the conversation does not exist for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let list: ListMessages = request.query()?;
    let window = list.window()?;

    let page = match list.conversation_id {
        Some(conversation) => store.list_messages(caller, conversation, &window).await?,
        None => store.list_inbox(caller, &window).await?,
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
        let window = Window {
            limit: self.limit.unwrap_or_default(),
            cursor: http::cursor(self.starting_after, self.ending_before)?,
            from: self.created_at.gte.map_or(Micros(0), Into::into),
            until: self.created_at.lt.map(Into::into),
        };
        if let (Some(cursor), Some(conversation)) = (&window.cursor, self.conversation_id)
            && cursor.id().conversation() != conversation
        {
            let param = http::cursor_param(window.direction());
            let problem = "must be the id of a message of that conversation";
            return Err(Invalid::value(param, problem));
        }
        Ok(window)
    }
}
