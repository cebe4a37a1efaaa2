//! The operations on webhooks. The ids of a contact's webhooks are also in its listener, where the function that
//! publishes changes finds them.

mod create;
mod delete;
mod get;
mod list;
mod update;

pub use update::WebhookUpdate;

use super::Store;
use super::vars;
use crate::error::{Cause, Invalid, Result};
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
