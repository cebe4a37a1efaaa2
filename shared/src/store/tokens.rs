//! Bearer tokens: only their hashes, and whom they stand for.

use serde::{Deserialize, Serialize};

use super::{Store, read, s};
use crate::caller::Caller;
use crate::error::{Result, Unauthenticated};
use crate::id::ContactId;
use crate::time::{Micros, Seconds};

#[derive(Deserialize, Serialize)]
struct Row {
    token_hash: String,
    contact_id: ContactId,
    label: String,
    created_at: Micros,
    /// Seconds, as the table's TTL wants them.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Seconds>,
}

impl Store {
    /// The contact whose token the caller holds. One round trip; none if it is known already.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Unauthenticated`] if the token is unknown or has expired.
    pub async fn authenticate(&self, caller: &Caller) -> Result<ContactId> {
        if let Some(contact) = caller.contact() {
            return Ok(contact);
        }
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.tokens)
            .key("token_hash", s(caller.token_hash()));
        let item = get
            .consistent_read(true)
            .send()
            .await?
            .item
            .ok_or(Unauthenticated::TokenInvalid)?;
        let row: Row = read(item)?;
        // TTL deletes days late, so the clock decides.
        if row
            .expires_at
            .is_some_and(|expires_at| expires_at <= self.clock.now().into())
        {
            return Err(Unauthenticated::TokenInvalid.into());
        }
        caller.is(row.contact_id);
        Ok(row.contact_id)
    }

    /// Lets whoever holds the caller's token act as `contact`, until `expires_at` if given.
    ///
    /// # Errors
    ///
    /// [`crate::Error::AlreadyExists`] if the token stands for somebody already.
    pub async fn add_token(
        &self,
        caller: &Caller,
        contact: ContactId,
        label: &str,
        expires_at: Option<Seconds>,
    ) -> Result<()> {
        let row = Row {
            token_hash: caller.token_hash().to_owned(),
            contact_id: contact,
            label: label.to_owned(),
            created_at: self.clock.now(),
            expires_at,
        };
        self.add(&self.tables.tokens, "token_hash", &row).await
    }
}
