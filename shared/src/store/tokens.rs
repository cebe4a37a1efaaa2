//! Bearer tokens: by their hashes, which is how callers are known, and by their contacts.

mod erase;

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};

use super::batch::{Batch, Found};
use super::write::{delete, put};
use super::{Item, Store, query, read, s};
use crate::caller::{Caller, Known};
use crate::error::{Error, Invalid, Result, Unauthenticated};
use crate::id::{ContactId, TokenId};
use crate::page::{Cursor, Direction, Limit, Page};
use crate::time::{Micros, Seconds};
use crate::token::{Label, Lifetime, NewToken, Token, secret};

/// The most bytes that a token takes in an answer.
const WEIGHT: usize = 1024;

#[derive(Deserialize, Serialize)]
pub(super) struct Row {
    pub token_hash: String,
    pub contact_id: ContactId,
    pub id: TokenId,
    /// Seconds, as the tables' TTL wants them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Seconds>,
}

/// What a contact's list of tokens reads.
#[derive(Deserialize, Serialize)]
pub(super) struct Listed {
    pub contact_id: ContactId,
    pub id: TokenId,
    pub token_hash: String,
    pub label: String,
    pub created_at: Micros,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Seconds>,
}

impl From<Listed> for Token {
    fn from(row: Listed) -> Self {
        Self {
            id: row.id,
            label: row.label,
            created_at: row.created_at.into(),
            expires_at: row.expires_at,
        }
    }
}

impl Store {
    /// The contact whose token the caller holds. One round trip; none if it is known already.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if the token is unknown or has expired.
    pub async fn authenticate(&self, caller: &Caller) -> Result<ContactId> {
        let batch = self.with_caller(Batch::default(), caller);
        let mut found = batch.get(&self.db).await?;
        self.take_caller(&mut found, caller)
    }

    /// What tells who the caller is, to be read in a batch; nothing more, if that is known already.
    pub(super) fn with_caller(&self, batch: Batch, caller: &Caller) -> Batch {
        let is_unknown = caller.contact().is_none();
        batch.with(
            &self.tables.tokens,
            is_unknown.then(|| hash_key(caller.token_hash())),
        )
    }

    /// The contact whose token the caller holds, as such a batch tells.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if the token is unknown or has expired.
    pub(super) fn take_caller(&self, found: &mut Found, caller: &Caller) -> Result<ContactId> {
        if let Some(contact) = caller.contact() {
            return Ok(contact);
        }
        let row: Option<Row> = found.take(&self.tables.tokens)?.pop();
        let row = row.ok_or(Unauthenticated::TokenInvalid)?;
        // TTL deletes days late, so the clock decides.
        if row
            .expires_at
            .is_some_and(|expires_at| expires_at <= self.clock.now().into())
        {
            return Err(Unauthenticated::TokenInvalid.into());
        }
        caller.is(Known {
            contact: row.contact_id,
            expires_at: row.expires_at,
        });
        Ok(row.contact_id)
    }

    /// Issues a token to the caller, for so many seconds, and no longer than the one it calls with.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::Invalid`] if it would outlive the caller's own.
    pub async fn issue_own_token(
        &self,
        caller: &Caller,
        label: Label,
        expires_in: Option<Lifetime>,
    ) -> Result<NewToken> {
        let contact = self.authenticate(caller).await?;
        let own_end = caller.known().and_then(|known| known.expires_at);
        let now = Seconds::from(self.clock.now());
        let end = expires_in.map(|lifetime| lifetime.from(now));
        if let (Some(own), Some(end)) = (own_end, end)
            && end > own
        {
            let problem = format_args!(
                "must be at most {}: no token outlives the one that issues it",
                own.0.saturating_sub(now.0)
            );
            return Err(Invalid::value("expires_in", problem).into());
        }
        self.issue_token(contact, label, end.or(own_end)).await
    }

    /// Issues a token to a contact, for operators.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn issue_token(
        &self,
        contact: ContactId,
        label: Label,
        expires_at: Option<Seconds>,
    ) -> Result<NewToken> {
        let secret = secret();
        let caller = Caller::with_token(&secret);
        let token = self.add_token(&caller, contact, label, expires_at).await?;
        Ok(NewToken { token, secret })
    }

    /// Lets whoever holds the caller's token act as `contact`, until `expires_at` if given.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`] if the token stands for somebody already.
    pub async fn add_token(
        &self,
        caller: &Caller,
        contact: ContactId,
        label: Label,
        expires_at: Option<Seconds>,
    ) -> Result<Token> {
        let now = self.clock.now();
        let id = TokenId::new(now);
        let row = Row {
            token_hash: caller.token_hash().to_owned(),
            contact_id: contact,
            id,
            expires_at,
        };
        let listed = Listed {
            contact_id: contact,
            id,
            token_hash: caller.token_hash().to_owned(),
            label: label.into(),
            created_at: now,
            expires_at,
        };
        let items = vec![
            put(&self.tables.tokens, "token_hash", &row)?,
            put(&self.tables.token_ids, "id", &listed)?,
        ];
        if self.transact(items).await?.is_empty() {
            Ok(listed.into())
        } else {
            Err(Error::AlreadyExists)
        }
    }

    /// A page of the caller's tokens, the newest first, expired ones as long as they are there.
    /// Two round trips.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`].
    pub async fn own_tokens(
        &self,
        caller: &Caller,
        cursor: Option<Cursor<TokenId>>,
        limit: Limit,
    ) -> Result<Page<Token>> {
        let contact = self.authenticate(caller).await?;
        let rows = self.listed(contact, cursor, limit.get() + 1).await?;
        let direction = Cursor::direction(cursor.as_ref());
        let Page { has_more, data } = Page::of(rows, limit, direction, |_| WEIGHT);
        let data = data.into_iter().map(Into::into).collect();
        Ok(Page { has_more, data })
    }

    /// A contact's tokens, the newest first, for operators.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn tokens_of(&self, contact: ContactId) -> Result<Vec<Token>> {
        const ALL: usize = i32::MAX as usize;
        let rows = self.listed(contact, None, ALL).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Revokes a token of the caller's, at once. Three round trips.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::TokenNotFound`].
    pub async fn revoke_own_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        let contact = self.authenticate(caller).await?;
        self.revoke_token(contact, id).await
    }

    /// Revokes a token of a contact's, at once; for operators.
    ///
    /// # Errors
    ///
    /// [`Error::TokenNotFound`].
    pub async fn revoke_token(&self, contact: ContactId, id: TokenId) -> Result<()> {
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.token_ids)
            .set_key(Some(id_key(contact, id)));
        let item = get.consistent_read(true).send().await?.item;
        let listed: Listed = read(item.ok_or(Error::TokenNotFound)?)?;
        self.transact(self.revocation(&listed)?).await.map(drop)
    }

    fn revocation(&self, listed: &Listed) -> Result<Vec<TransactWriteItem>> {
        Ok(vec![
            delete(&self.tables.tokens, hash_key(&listed.token_hash))?,
            delete(&self.tables.token_ids, id_key(listed.contact_id, listed.id))?,
        ])
    }

    /// Up to `limit` tokens of a contact, nearest first.
    async fn listed(
        &self,
        contact: ContactId,
        cursor: Option<Cursor<TokenId>>,
        limit: usize,
    ) -> Result<Vec<Listed>> {
        let condition = match cursor {
            None => "contact_id = :contact",
            Some(Cursor::StartingAfter(_)) => "contact_id = :contact AND id < :id",
            Some(Cursor::EndingBefore(_)) => "contact_id = :contact AND id > :id",
        };
        let listed = self
            .db
            .query()
            .table_name(&self.tables.token_ids)
            .consistent_read(true)
            .key_condition_expression(condition)
            .expression_attribute_values(":contact", s(contact))
            .scan_index_forward(Cursor::direction(cursor.as_ref()) == Direction::Newer);
        let listed = match cursor {
            None => listed,
            Some(cursor) => listed.expression_attribute_values(":id", s(cursor.id())),
        };
        let items = query(listed, limit).await?;
        items.into_iter().map(read).collect()
    }
}

pub(super) fn hash_key(hash: &str) -> Item {
    Item::from([("token_hash".to_owned(), s(hash))])
}

pub(super) fn id_key(contact: ContactId, id: TokenId) -> Item {
    Item::from([
        ("contact_id".to_owned(), s(contact)),
        ("id".to_owned(), s(id)),
    ])
}
