//! When tokens were last used, which `Store::record_activity` writes.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::error::Result;
use crate::id::{ContactId, TokenId};
use crate::store::Store;
use crate::store::dynamodb::update::Update;
use crate::store::items::contact::{key, last_used, used_attribute};
use crate::time::Seconds;
use crate::token::MAX_TOKENS;

/// The most attributes that one update removes.
const MAX_REMOVED: usize = 100;

impl Store {
    /// When each of a contact's tokens was last used.
    pub(in crate::store) async fn tokens_last_used(
        &self,
        contact: ContactId,
    ) -> Result<HashMap<TokenId, Seconds>> {
        let get = self.db.get_item().table_name(&self.tables.contacts);
        let get = get.set_key(Some(key(contact))).consistent_read(true);
        let item = get.send().await?.item;
        Ok(item.as_ref().map(last_used).unwrap_or_default())
    }

    /// Keeps on the contact only when the [`MAX_TOKENS`] tokens that were used last were used: every response that shows
    /// the contact reads its item. No call if there are no more.
    pub(super) async fn forget_oldest_uses(
        &self,
        contact: ContactId,
        used: HashMap<TokenId, Seconds>,
    ) -> Result<()> {
        let mut latest_first: Vec<_> = used.into_iter().collect();
        latest_first.sort_by_key(|&(token, at)| (Reverse(at), token));
        let oldest = latest_first.into_iter().skip(MAX_TOKENS);
        self.forget_last_used(contact, oldest.map(|(token, _)| token).collect())
            .await
    }

    /// Deletes from the contact when these tokens were last used; no call if there are none.
    pub(super) async fn forget_last_used(
        &self,
        contact: ContactId,
        tokens: Vec<TokenId>,
    ) -> Result<()> {
        for tokens in tokens.chunks(MAX_REMOVED) {
            let placeholders: Vec<_> = (0..tokens.len()).map(|index| format!("#{index}")).collect();
            let expression = format!("REMOVE {}", placeholders.join(", "));
            // An update without a condition would create the contact again if it has been erased.
            let exists = "attribute_exists(id)";
            let update = Update::new(&self.tables.contacts, key(contact), &expression, exists);
            let names = placeholders.iter().zip(tokens);
            let update = names.fold(update, |update, (placeholder, &token)| {
                update.name(placeholder, &used_attribute(token))
            });
            update.send(&self.db).await?;
        }
        Ok(())
    }
}
