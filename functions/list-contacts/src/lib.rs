//! `GET /v1/contacts`

use serde::Deserialize;
use shared::contact::{Contact, ExternalId, Username};
use shared::error::Invalid;
use shared::http::{self, Request, Response};
use shared::id::ContactId;
use shared::page::{Limit, Page};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListContacts {
    username: Option<Username>,
    external_id: Option<ExternalId>,
    limit: Option<Limit>,
    starting_after: Option<ContactId>,
    ending_before: Option<ContactId>,
}

/// Returns a page of the contacts that share a conversation with the caller, or the contact with a username; for a
/// server key, of all contacts, or the contact with an external id.
///
/// # Errors
///
/// 403 for an external id without a server key, and for a server key without the scope `contacts`.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let list: ListContacts = request.query()?;
    let cursor = http::cursor(list.starting_after, list.ending_before)?;

    let page = match (&list.username, &list.external_id) {
        (None, None) => {
            let limit = list.limit.unwrap_or_default();
            store.list_contacts(caller, cursor, limit).await?
        }
        (Some(username), _) => {
            list.check_is_alone("username")?;
            page_of(store.find_contact(caller, username).await?)
        }
        (None, Some(external_id)) => {
            list.check_is_alone("external_id")?;
            let found = store.find_contact_by_external_id(caller, external_id);
            page_of(found.await?)
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
    /// A username and an external id are unique, so the result has no pages.
    fn check_is_alone(&self, param: &str) -> Result<(), Invalid> {
        let cursors = [self.starting_after, self.ending_before];
        let are_both = self.username.is_some() && self.external_id.is_some();
        if are_both || self.limit.is_some() || cursors != [None; 2] {
            let problem = "cannot be combined with other parameters";
            return Err(Invalid::value(param, problem));
        }
        Ok(())
    }
}

fn page_of(contact: Option<Contact>) -> Page<Contact> {
    Page::whole(contact.into_iter().collect())
}
