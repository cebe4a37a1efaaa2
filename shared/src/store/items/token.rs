//! The tables of tokens and server keys: by hash, which authenticates callers, and by contact, which lists them.
//!
//! Server keys are listed as if they belonged to a contact with the id `keys`.

use serde::{Deserialize, Serialize};

use crate::caller::{Identity, Principal};
use crate::error::Result;
use crate::id::{ContactId, TokenId};
use crate::key::{Key, Scopes};
use crate::store::dynamodb::item::{Item, from_item, string_attr};
use crate::time::{Micros, Seconds};
use crate::token::Token;

/// An item of the table `tokens`.
#[derive(Deserialize, Serialize)]
pub struct TokenItem {
    pub token_hash: String,
    pub contact_id: ContactId,
    pub id: TokenId,
    /// In seconds, as TTL requires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Seconds>,
    /// The token that it was issued with; none if an operator issued it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_with: Option<TokenId>,
}

/// An item of the table `tokens` with a server key.
#[derive(Deserialize, Serialize)]
pub struct KeyItem {
    pub token_hash: String,
    pub id: TokenId,
    pub scopes: Scopes,
    /// In seconds, as TTL requires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Seconds>,
}

/// An item of the table `tokens`.
pub enum TokenTableItem {
    Token(TokenItem),
    Key(KeyItem),
}

impl TokenTableItem {
    pub fn from_item(item: Item) -> Result<Self> {
        if item.contains_key("scopes") {
            from_item(item).map(Self::Key)
        } else {
            from_item(item).map(Self::Token)
        }
    }

    /// What it stands for.
    pub fn identity(&self) -> Identity {
        match self {
            Self::Token(token) => Identity {
                principal: Principal::Contact(token.contact_id),
                token: Some(token.id),
                issued_with: token.issued_with,
                expires_at: token.expires_at,
            },
            Self::Key(key) => Identity {
                principal: Principal::Server {
                    key: key.id,
                    scopes: key.scopes,
                    on_behalf_of: None,
                },
                token: Some(key.id),
                issued_with: None,
                expires_at: key.expires_at,
            },
        }
    }

    pub fn expires_at(&self) -> Option<Seconds> {
        match self {
            Self::Token(token) => token.expires_at,
            Self::Key(key) => key.expires_at,
        }
    }
}

/// The `contact_id` of the listings of server keys.
pub const KEYS: &str = "keys";

/// An item of the table `token_ids` with a server key.
#[derive(Clone, Deserialize, Serialize)]
pub struct KeyListing {
    /// [`KEYS`].
    pub contact_id: String,
    pub id: TokenId,
    pub token_hash: String,
    pub label: String,
    pub scopes: Scopes,
    pub created_at: Micros,
    /// In seconds, as TTL requires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Seconds>,
}

impl KeyListing {
    /// The server key as operators see it.
    pub fn into_key(self, last_used_at: Option<Seconds>) -> Key {
        Key {
            id: self.id,
            label: self.label,
            scopes: self.scopes,
            created_at: self.created_at.into(),
            expires_at: self.expires_at,
            last_used_at,
        }
    }
}

/// An item of the table `token_ids`.
#[derive(Clone, Deserialize, Serialize)]
pub struct TokenListing {
    pub contact_id: ContactId,
    pub id: TokenId,
    pub token_hash: String,
    pub label: String,
    pub created_at: Micros,
    /// In seconds, as TTL requires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Seconds>,
    /// The token that it was issued with; none if an operator issued it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_with: Option<TokenId>,
}

impl TokenListing {
    /// Whether the token has expired. TTL deletes it days later.
    pub fn is_expired(&self, now: Seconds) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// The token as clients see it.
    pub fn into_token(self, last_used_at: Option<Seconds>) -> Token {
        Token {
            id: self.id,
            label: self.label,
            created_at: self.created_at.into(),
            expires_at: self.expires_at,
            issued_with: self.issued_with,
            last_used_at,
        }
    }
}

/// The key in the table `tokens`.
pub fn hash_key(token_hash: &str) -> Item {
    Item::from([("token_hash".to_owned(), string_attr(token_hash))])
}

/// Whether an item of the table `token_ids` lists a server key.
pub fn is_key_listing(item: &Item) -> bool {
    item.get("contact_id") == Some(&string_attr(KEYS))
}

/// The key of a server key in the table `token_ids`.
pub fn key_listing_key(id: TokenId) -> Item {
    Item::from([
        ("contact_id".to_owned(), string_attr(KEYS)),
        ("id".to_owned(), string_attr(id)),
    ])
}

/// The key in the table `token_ids`.
pub fn listing_key(contact: ContactId, id: TokenId) -> Item {
    Item::from([
        ("contact_id".to_owned(), string_attr(contact)),
        ("id".to_owned(), string_attr(id)),
    ])
}
