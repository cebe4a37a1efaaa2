//! `PUT /v1/contacts/:id`

use serde::Deserialize;
use shared::contact::{AvatarUrl, ContactRef, Edit, ExternalId, PhoneNumber, Username};
use shared::error::Invalid;
use shared::http::{Request, Response};
use shared::metadata::MetadataUpdate;
use shared::store::{ContactUpdate, Progress, UpdatedContact};
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateContact {
    username: Option<Username>,
    #[serde(default)]
    phone_number: Edit<PhoneNumber>,
    #[serde(default)]
    avatar_url: Edit<AvatarUrl>,
    #[serde(default)]
    external_id: Edit<ExternalId>,
    suspended: Option<bool>,
    #[serde(default)]
    metadata: MetadataUpdate,
}

/// Updates a contact, for a server key. Suspending it revokes its tokens: 202 if that takes more than one request.
///
/// # Errors
///
/// 403 without the scope `contacts`; 404 without such a contact; 409 if the username or the external id is taken.
/// Nothing is changed then.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let contact: ContactRef = request.path_id()?;
    let update = request.body::<UpdateContact>()?.into_update()?;

    let updated = store.update_contact(caller, &contact, &update).await?;

    Ok(match updated {
        UpdatedContact::Finished(contact) => Response::ok(&contact),
        UpdatedContact::Unfinished => Response::progress(Progress::Unfinished),
    })
}

impl UpdateContact {
    fn into_update(self) -> Result<ContactUpdate, Invalid> {
        match self {
            Self {
                username: None,
                phone_number: Edit::Keep,
                avatar_url: Edit::Keep,
                external_id: Edit::Keep,
                suspended: None,
                metadata,
            } if metadata.is_absent() => Err(Invalid::NoneOf {
                params: "username, phone_number, avatar_url, external_id, suspended, metadata",
            }),
            Self {
                username,
                phone_number,
                avatar_url,
                external_id,
                suspended,
                metadata,
            } => Ok(ContactUpdate {
                username,
                phone_number,
                avatar_url,
                external_id,
                suspended,
                metadata,
            }),
        }
    }
}
