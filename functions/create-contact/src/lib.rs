//! `POST /v1/contacts`

use serde::Deserialize;
use shared::contact::{AvatarUrl, ExternalId, PhoneNumber, Username};
use shared::http::{Request, Response};
use shared::metadata::{Metadata, MetadataUpdate};
use shared::store::{ContactProfile, CreatedContact};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateContact {
    username: Username,
    phone_number: Option<PhoneNumber>,
    avatar_url: Option<AvatarUrl>,
    external_id: Option<ExternalId>,
    #[serde(default)]
    metadata: MetadataUpdate,
}

/// Creates a contact, for a server key; returns the one that has the external id, if there is one.
///
/// # Errors
///
/// 403 without the scope `contacts`; 409 if the username is taken.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let profile = request.body::<CreateContact>()?.into_profile()?;

    let created = store.create_contact(caller, profile).await?;

    Ok(match created {
        CreatedContact::New(contact) => {
            let location = format!("/v1/contacts/{}", contact.id);
            Response::created(&contact).located_at(&location)
        }
        CreatedContact::Existing(contact) => Response::ok(&contact),
    })
}

impl CreateContact {
    fn into_profile(self) -> Result<ContactProfile> {
        Ok(ContactProfile {
            username: self.username,
            phone_number: self.phone_number,
            avatar_url: self.avatar_url,
            metadata: self.metadata.apply(&Metadata::default())?,
            external_id: self.external_id,
        })
    }
}
