//! `GET /v1/messages`

use serde::Deserialize;
use shared::contact::ContactRef;
use shared::error::Invalid;
use shared::http::{self, Request, Response};
use shared::id::{ConversationId, MessageId};
use shared::page::{Limit, Window};
use shared::store::MessageFilter;
use shared::time::{Micros, TimeBound};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListMessages {
    conversation_id: Option<ConversationId>,
    limit: Option<Limit>,
    starting_after: Option<MessageId>,
    ending_before: Option<MessageId>,
    contact_id: Option<ContactRef>,
    is_pinned: Option<bool>,
    #[serde(default)]
    created_at: CreatedAt,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreatedAt {
    gte: Option<TimeBound>,
    lt: Option<TimeBound>,
}

/// Returns a page of the messages of one conversation, of those that a contact sent or that are pinned in it, or of all conversations of the caller.
///
/// # Errors
///
/// 404 if the conversation does not exist for the caller.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let list: ListMessages = request.query()?;
    let window = list.window()?;

    let page = match (list.conversation_id, list.filter()?) {
        (Some(conversation), Some(filter)) => {
            store
                .list_filtered_messages(caller, conversation, &filter, &window)
                .await?
        }
        (Some(conversation), None) => store.list_messages(caller, conversation, &window).await?,
        (None, _) => store.list_inbox(caller, &window).await?,
    };

    Ok(Response::page(
        &request,
        &page,
        window.cursor.as_ref(),
        |message| message.id,
    ))
}

impl ListMessages {
    fn filter(&self) -> Result<Option<MessageFilter>, Invalid> {
        let filter = match (self.contact_id.clone(), self.is_pinned) {
            (None, None) => return Ok(None),
            (_, Some(false)) => return Err(Invalid::value("is_pinned", "can only be true")),
            (Some(_), Some(true)) => {
                let problem = "cannot be combined with contact_id";
                return Err(Invalid::value("is_pinned", problem));
            }
            (Some(contact), None) => MessageFilter::SentBy(contact),
            (None, Some(true)) => MessageFilter::Pinned,
        };
        if self.conversation_id.is_none() {
            let param = "conversation_id".to_owned();
            return Err(Invalid::Missing { param });
        }
        Ok(Some(filter))
    }

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
