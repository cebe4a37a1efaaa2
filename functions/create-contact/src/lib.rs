//! `POST /v1/contacts`

use serde::Deserialize;
use shared::contact::{AvatarUrl, ExternalId, PhoneNumber, Username};
use shared::http::{Request, Response};
use shared::store::{ContactProfile, CreatedContact};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateContact {
    username: Username,
    phone_number: Option<PhoneNumber>,
    avatar_url: Option<AvatarUrl>,
    external_id: Option<ExternalId>,
}

/// Creates a contact, for a server key; returns the one that has the external id, if there is one.
///
/// # Errors
///
/// 403 without the scope `contacts`; 409 if the username is taken.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let profile = request.body::<CreateContact>()?.into();

    let created = store.create_contact(caller, profile).await?;

    Ok(match created {
        CreatedContact::New(contact) => {
            let location = format!("/v1/contacts/{}", contact.id);
            Response::created(&contact).located_at(&location)
        }
        CreatedContact::Existing(contact) => Response::ok(&contact),
    })
}

impl From<CreateContact> for ContactProfile {
    fn from(create: CreateContact) -> Self {
        Self {
            username: create.username,
            phone_number: create.phone_number,
            avatar_url: create.avatar_url,
            external_id: create.external_id,
        }
    }
}
