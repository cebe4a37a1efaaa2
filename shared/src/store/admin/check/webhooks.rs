//! Webhooks, which the listener of their owner lists.

use serde::Deserialize;

use super::inconsistency::Inconsistency;
use super::snapshot::Snapshot;
use crate::error::Result;
use crate::id::{ContactId, WebhookId};
use crate::store::dynamodb::item::{Item, from_item};
use crate::store::items::listener::Listener;

impl Snapshot {
    pub fn add_webhook(&mut self, item: Item) -> Result<()> {
        #[derive(Deserialize)]
        struct Key {
            contact_id: ContactId,
            id: WebhookId,
        }
        self.count("webhooks");
        let Key { contact_id, id } = from_item(item)?;
        self.webhooks.insert((contact_id, id));
        Ok(())
    }

    pub fn add_listener(&mut self, item: Item) -> Result<()> {
        self.count("listeners");
        let listener: Listener = from_item(item)?;
        let listed = listener.webhooks.into_iter();
        let listed = listed.map(|id| (listener.contact_id, id));
        self.listed_webhooks.extend(listed);
        Ok(())
    }

    pub fn inconsistencies_of_webhooks(&self) -> [(&'static str, Vec<Inconsistency>); 2] {
        // An erasure deletes the listener first.
        let unlisted = self.webhooks.difference(&self.listed_webhooks);
        let unlisted = unlisted.filter(|(owner, _)| !self.erasures.contains_key(owner));
        let missing = self.listed_webhooks.difference(&self.webhooks);
        [
            (
                "webhooks that are not listed",
                unlisted
                    .map(|&(owner, id)| Inconsistency::UnlistedWebhook(owner, id))
                    .collect(),
            ),
            (
                "listed webhooks that do not exist",
                missing
                    .map(|&(owner, id)| Inconsistency::ListedMissingWebhook(owner, id))
                    .collect(),
            ),
        ]
    }
}
