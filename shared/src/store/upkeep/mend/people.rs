//! Mending usernames and tokens.

use crate::contact::Username;
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::store::upkeep::finding::Token;
use crate::store::write::{check, delete_if, put};
use crate::store::{Store, contacts, read, s, tokens};

use super::by_hash;

/// What an unlisted token is called in its contact's list.
const RECOVERED: &str = "recovered";

impl Store {
    pub(super) async fn free_username(
        &self,
        username: &str,
        contact: ContactId,
        otherwise: Option<&str>,
    ) -> Result<bool> {
        let table = &self.tables.contacts;
        let other = match otherwise {
            None => self.nobody(contact)?,
            Some(name) => check(
                table,
                contacts::key(contact),
                "username = :username",
                &[(":username", s(name))],
            )?,
        };
        let key = contacts::key_of(&format!("@{username}"));
        let taken = delete_if(table, key, "contact_id", s(contact))?;
        self.all_of(vec![other, taken]).await
    }

    pub(super) async fn take_username(&self, contact: ContactId, username: &str) -> Result<bool> {
        let table = &self.tables.contacts;
        let name = Username::try_from(username.to_owned());
        let taken = contacts::Taken {
            id: format!("@{}", name.map_err(Error::internal)?.folded()),
            contact_id: contact,
        };
        let called = check(
            table,
            contacts::key(contact),
            "username = :username",
            &[(":username", s(username))],
        )?;
        self.all_of(vec![put(table, "id", &taken)?, called]).await
    }

    pub(super) async fn list_token(&self, token: &Token) -> Result<bool> {
        let key = by_hash(&token.hash);
        let get = self.db.get_item().table_name(&self.tables.tokens);
        let get = get.set_key(Some(key.clone())).consistent_read(true);
        let Some(item) = get.send().await?.item else {
            return Ok(false);
        };
        let row: tokens::Row = read(item)?;
        let listed = tokens::Listed {
            contact_id: row.contact_id,
            id: row.id,
            token_hash: row.token_hash,
            label: RECOVERED.to_owned(),
            created_at: row.id.issued_at(),
            expires_at: row.expires_at,
        };
        let exists = "attribute_exists(token_hash)";
        self.all_of(vec![
            put(&self.tables.token_ids, "id", &listed)?,
            check(&self.tables.tokens, key, exists, &[])?,
        ])
        .await
    }
}
