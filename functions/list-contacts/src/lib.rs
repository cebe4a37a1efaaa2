//! `GET /v1/contacts`

use serde::Deserialize;
use shared::contact::Username;
use shared::error::Invalid;
use shared::http::{self, Request, Response};
use shared::id::ContactId;
use shared::page::{Limit, Page};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListContacts {
    username: Option<Username>,
    limit: Option<Limit>,
    starting_after: Option<ContactId>,
    ending_before: Option<ContactId>,
}

/// Returns a page of the contacts that share a conversation with the caller, or the contact with a username.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let list: ListContacts = request.query()?;
    let cursor = http::cursor(list.starting_after, list.ending_before)?;

    let page = match &list.username {
        None => {
            let limit = list.limit.unwrap_or_default();
            store.list_contacts(caller, cursor, limit).await?
        }
        Some(username) => {
            list.check_username_is_alone()?;
            let contact = store.find_contact(caller, username).await?;
            Page {
                has_more: false,
                data: contact.into_iter().collect(),
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
    /// A username is unique, so the result has no pages.
    fn check_username_is_alone(&self) -> Result<(), Invalid> {
        let cursors = [self.starting_after, self.ending_before];
        if self.limit.is_some() || cursors != [None; 2] {
            let problem = "cannot be combined with limit, starting_after or ending_before";
            return Err(Invalid::value("username", problem));
        }
        Ok(())
    }
}
