//! `PUT /v1/me`

use serde::Deserialize;
use shared::contact::{AvatarUrl, Edit, PhoneNumber, Username};
use shared::error::Invalid;
use shared::http::{Request, Response};
use shared::store::ContactUpdate;
use shared::{Result, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateMe {
    username: Option<Username>,
    #[serde(default)]
    phone_number: Edit<PhoneNumber>,
    #[serde(default)]
    avatar_url: Edit<AvatarUrl>,
}

/// Updates the caller's profile. A new username appears in earlier messages and reactions, too.
///
/// # Errors
///
/// 409 if the username is taken. Nothing is changed then.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let update = request.body::<UpdateMe>()?.into_update()?;

    let me = store.update_me(caller, &update).await?;

    Ok(Response::ok(&me))
}

impl UpdateMe {
    fn into_update(self) -> Result<ContactUpdate, Invalid> {
        match self {
            Self {
                username: None,
                phone_number: Edit::Keep,
                avatar_url: Edit::Keep,
            } => Err(Invalid::NoneOf {
                params: "username, phone_number, avatar_url",
            }),
            Self {
                username,
                phone_number,
                avatar_url,
            } => Ok(ContactUpdate {
                username,
                phone_number,
                avatar_url,
                ..ContactUpdate::default()
            }),
        }
    }
}
