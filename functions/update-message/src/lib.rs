//! `PUT /v1/messages/:id`

mod reactions;

use serde::Deserialize;
use shared::error::Invalid;
use shared::http::{Request, Response};
use shared::message::Text;
use shared::store::Change;
use shared::{Error, Result, Store};

use reactions::Reactions;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateMessage {
    message: Option<Text>,
    reactions: Option<Reactions>,
    read: Option<bool>,
}

/// Edits the caller's message, sets or takes away the caller's reactions, or marks a message read.
///
/// # Errors
///
/// 404 if there is no such message for the caller, 403 if it edits another's message or reacts as
/// somebody else, 412 if the message is not in a version that `If-Match` names; then nothing is changed.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let mut change = request.body::<UpdateMessage>()?.into_change()?;
    change.expected = request.if_match()?;
    let id = request.id().ok_or(Error::MessageNotFound)?;

    let message = store.change(caller, id, &change).await?;

    Ok(Response::ok(&message).tagged(message.version))
}

impl UpdateMessage {
    fn into_change(self) -> Result<Change, Invalid> {
        match self {
            Self {
                message: None,
                reactions: None,
                read: None,
            } => Err(Invalid::NoneOf {
                params: "message, reactions, read",
            }),
            Self {
                read: Some(false), ..
            } => Err(Invalid::value(
                "read",
                "can only be true: what is read stays read",
            )),
            Self {
                message,
                reactions,
                read,
            } => Ok(Change {
                message,
                reactions: reactions.unwrap_or_default().0,
                read: read.unwrap_or_default(),
                expected: None,
            }),
        }
    }
}
