//! `GET /v1/contacts`

use serde::Deserialize;
use shared::contact::Username;
use shared::error::Invalid;
use shared::http::{Request, Response};
use shared::id::ContactId;
use shared::page::{Cursor, Limit, Page};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListContacts {
    username: Option<Username>,
    limit: Option<Limit>,
    starting_after: Option<ContactId>,
    ending_before: Option<ContactId>,
}

/// Answers with a page of those with whom the caller shares a conversation, or with whoever has this username.
///
/// # Errors
///
/// Only what every endpoint has.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let list: ListContacts = request.query()?;
    let cursor = Cursor::of(list.starting_after, list.ending_before)?;

    let page = match &list.username {
        None => {
            let limit = list.limit.unwrap_or_default();
            store.acquaintances(caller, cursor, limit).await?
        }
        Some(username) => {
            list.is_look_up_only()?;
            Page {
                has_more: false,
                data: store.look_up(caller, username).await?.into_iter().collect(),
            }
        }
    };

    Ok(Response::page(
        &request,
        &page,
        cursor.as_ref(),
        |contact| contact.id,
    ))
}

impl ListContacts {
    /// A username is unique: there are no pages of it.
    fn is_look_up_only(&self) -> Result<(), Invalid> {
        let cursors = [self.starting_after, self.ending_before];
        if self.limit.is_some() || cursors != [None; 2] {
            let problem = "is unique: give it without limit, starting_after and ending_before";
            return Err(Invalid::value("username", problem));
        }
        Ok(())
    }
}
