//! `GET /v1/messages`

mod links;

use lambda_http::http::header;
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

    let links = links::of(request.path(), &list, &page);
    Ok(links
        .into_iter()
        .fold(Response::ok(&page), |response, link| {
            response.with(header::LINK, &link)
        }))
}

impl ListMessages {
    fn window(&self) -> Result<Window, Invalid> {
        let cursor = match (self.starting_after, self.ending_before) {
            (Some(_), Some(_)) => {
                return Err(Invalid::value(
                    "ending_before",
                    "cannot be given together with starting_after",
                ));
            }
            (Some(id), None) => Some(("starting_after", id, Cursor::StartingAfter(id))),
            (None, Some(id)) => Some(("ending_before", id, Cursor::EndingBefore(id))),
            (None, None) => None,
        };
        if let (Some((param, id, _)), Some(conversation)) = (cursor, self.conversation_id)
            && id.conversation() != conversation
        {
            return Err(Invalid::value(
                param,
                "must be the id of a message of that conversation",
            ));
        }
        Ok(Window {
            limit: self.limit.unwrap_or_default(),
            cursor: cursor.map(|(_, _, cursor)| cursor),
            from: self.created_at.gte.map_or(Micros(0), Into::into),
            until: self.created_at.lt.map(Into::into),
        })
    }
}
