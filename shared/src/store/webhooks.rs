//! The operations on webhooks. The ids of a contact's webhooks are also in its listener, where the function that
//! publishes changes finds them.

mod create;
mod delete;
mod get;
mod list;
mod rotate_secret;
mod send_test;
mod update;

pub use update::WebhookUpdate;

use super::Store;
use super::tokens::contact_or_key;
use super::vars;
use crate::caller::Caller;
use crate::error::{Cause, Error, Invalid, Result};
use crate::id::{ContactId, WebhookId};
use crate::key::Scope;
use crate::webhook::WebhookUrl;

/// What a deployment delivers to webhooks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Webhooks {
    /// Nothing.
    #[default]
    Disabled,
    /// Events, to hosts on the internet.
    Public,
    /// Events, also to this host, on the machine of a developer.
    PublicAndLocal,
}

impl Webhooks {
    /// What the variable `WEBHOOKS` says.
    pub(super) fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Self, Cause> {
        let is_on = vars::flag(var, "WEBHOOKS")?;
        Ok(if is_on { Self::Public } else { Self::Disabled })
    }
}

impl Store {
    /// The same store of a deployment with these webhooks.
    #[must_use]
    pub fn with_webhooks(self, webhooks: Webhooks) -> Self {
        Self { webhooks, ..self }
    }

    /// The contact whose webhooks a request is about; the operator, for a server key that acts for itself. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::BudgetExceeded`]; [`Error::ScopeMissing`].
    pub(super) async fn authenticate_for_webhooks(&self, caller: &Caller) -> Result<ContactId> {
        let contact = contact_or_key(self.identify(caller).await?, Scope::Webhooks)?;
        Ok(contact.unwrap_or(ContactId::OPERATOR))
    }

    /// The operator as an owner of webhooks, if the deployment has any.
    pub(super) fn operator(&self) -> Option<ContactId> {
        self.has_webhooks().then_some(ContactId::OPERATOR)
    }

    /// Records in the audit trail what is about to be done with a webhook of the operator. One round trip; none for a
    /// webhook of a contact.
    pub(super) async fn audit_webhook(
        &self,
        caller: &Caller,
        owner: ContactId,
        id: WebhookId,
        detail: Option<String>,
    ) -> Result<()> {
        if owner == ContactId::OPERATOR {
            self.audit_with_detail(caller, id, detail).await?;
        }
        Ok(())
    }

    /// Fails unless events are delivered.
    pub(super) fn check_has_webhooks(&self) -> Result<()> {
        if self.has_webhooks() {
            Ok(())
        } else {
            Err(Error::WebhooksDisabled)
        }
    }

    /// Whether events are delivered.
    pub(super) fn has_webhooks(&self) -> bool {
        self.webhooks != Webhooks::Disabled
    }

    /// Whether webhooks of this host are allowed.
    pub(super) fn allows_local_webhooks(&self) -> bool {
        self.webhooks == Webhooks::PublicAndLocal
    }

    fn parse_webhook_url(&self, url: &str) -> Result<WebhookUrl> {
        let url = WebhookUrl::parse(url, self.allows_local_webhooks());
        Ok(url.map_err(|invalid| Invalid::value("url", invalid))?)
    }
}
