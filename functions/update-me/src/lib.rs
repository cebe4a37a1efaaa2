//! `PUT /v1/me`

use serde::Deserialize;
use shared::contact::{AvatarUrl, Edit, PhoneNumber, Username};
use shared::error::Invalid;
use shared::http::{Request, Response};
use shared::store::ChangeOfContact;
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

/// Changes what others see of the caller; a new username shows at once in all messages and reactions.
///
/// # Errors
///
/// 409 if the username is another's; then nothing is changed.
pub async fn handle(store: Store, request: Request) -> Result<Response> {
    let caller = request.caller()?;
    let change = request.body::<UpdateMe>()?.into_change()?;

    let me = store.change_me(caller, &change).await?;

    Ok(Response::ok(&me))
}

impl UpdateMe {
    fn into_change(self) -> Result<ChangeOfContact, Invalid> {
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
            } => Ok(ChangeOfContact {
                username,
                phone_number,
                avatar_url,
            }),
        }
    }
}
