use std::time::Duration;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::WebhookId;
use crate::store::Store;
use crate::store::dynamodb::item::{from_item, to_attribute};
use crate::store::dynamodb::update::{Outcome, Update};
use crate::store::items::webhook::{self, PreviousSecret, WebhookItem};
use crate::time::{Micros, Seconds};
use crate::webhook::{MAX_PREVIOUS_SECRETS, Secret, WebhookWithSecret};

/// How long a previous secret signs.
const PREVIOUS_SECRET_LIFETIME: Duration = Duration::from_hours(24);

impl Store {
    /// Replaces the secret of a webhook of the caller. The previous one signs deliveries for another day, so that receivers have
    /// time to learn the new one. Three round trips: token; webhook; update. One more for the
    /// operator: audit trail.
    ///
    /// # Errors
    ///
    /// [`Error::WebhookNotFound`]; [`Error::TooManySecrets`].
    pub async fn rotate_webhook_secret(
        &self,
        caller: &Caller,
        id: WebhookId,
    ) -> Result<WebhookWithSecret> {
        let owner = self.authenticate_for_webhooks(caller).await?;
        let mut webhook = self.load_webhook(owner, id).await?;
        self.audit_webhook(caller, owner, id, None).await?;
        loop {
            let seen = to_attribute(&webhook.secret)?;
            webhook.replace_secret(self.clock.now())?;
            let replaced = Update::new(
                &self.tables.webhooks,
                webhook::key(owner, id),
                "SET secret = :secret, previous_secrets = :previous",
                "secret = :seen",
            )
            .value(":secret", to_attribute(&webhook.secret)?)
            .value(":previous", to_attribute(&webhook.previous_secrets)?)
            .value(":seen", seen);
            webhook = match replaced.send_and_return(&self.db).await? {
                Outcome::Updated(item) => {
                    let webhook: WebhookItem = from_item(item)?;
                    return Ok(webhook.into_webhook_with_secret());
                }
                Outcome::Refused(Some(item)) => {
                    let current: WebhookItem = from_item(item)?;
                    if current.secret == webhook.secret {
                        // An earlier attempt had succeeded, and its response was lost.
                        return Ok(current.into_webhook_with_secret());
                    }
                    // Another request has replaced it meanwhile. That ends when there are too many.
                    current
                }
                Outcome::Refused(None) => return Err(Error::WebhookNotFound),
            };
        }
    }
}

impl WebhookItem {
    fn replace_secret(&mut self, now: Micros) -> Result<()> {
        let previous = &mut self.previous_secrets;
        previous.retain(|previous| previous.expires_at > now.into());
        if let [.., oldest] = &previous[..]
            && previous.len() >= MAX_PREVIOUS_SECRETS
        {
            let retry_after = oldest.expires_at.0 - Seconds::from(now).0;
            return Err(Error::TooManySecrets { retry_after });
        }
        let replaced = PreviousSecret {
            secret: std::mem::replace(&mut self.secret, Secret::generate()),
            expires_at: now.after(PREVIOUS_SECRET_LIFETIME).into(),
        };
        previous.insert(0, replaced);
        Ok(())
    }
}
