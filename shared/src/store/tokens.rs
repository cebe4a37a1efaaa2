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

/// A token, as far as it can be told: not the token itself.
#[derive(Clone, Debug)]
pub struct Token {
    /// Names the token and does not let anybody in: the beginning of its hash.
    pub id: String,
    /// What it is for.
    pub label: String,
    /// When it was issued.
    pub created_at: Seconds,
    /// When it ends, if it does.
    pub expires_at: Option<Seconds>,
}

/// How much of a hash names a token: 64 bits.
const ID_LEN: usize = 16;

impl From<Row> for Token {
    fn from(row: Row) -> Self {
        Self {
            id: row.token_hash.chars().take(ID_LEN).collect(),
            label: row.label,
            created_at: row.created_at.into(),
            expires_at: row.expires_at,
        }
    }
}

impl Store {
    /// Visits a contact's tokens, for operators: it reads the whole table.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn each_token_of(
        &self,
        contact: ContactId,
        mut visit: impl FnMut(Token),
    ) -> Result<()> {
        self.each(&self.tables.tokens, |item| {
            let row: Row = read(item)?;
            if row.contact_id == contact {
                visit(row.into());
            }
            Ok(())
        })
        .await
    }

    /// Revokes the token with this id at once; whether there was one. For operators: it reads the whole table.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn revoke_token(&self, id: &str) -> Result<bool> {
        let mut hashes = Vec::new();
        self.each(&self.tables.tokens, |item| {
            let row: Row = read(item)?;
            if id.len() == ID_LEN && row.token_hash.starts_with(id) {
                hashes.push(row.token_hash);
            }
            Ok(())
        })
        .await?;
        for hash in &hashes {
            let delete = self
                .db
                .delete_item()
                .table_name(&self.tables.tokens)
                .key("token_hash", s(hash));
            delete
                .condition_expression("attribute_exists(token_hash)")
                .send()
                .await?;
        }
        Ok(!hashes.is_empty())
    }

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
