//! The tables of tokens: by hash, which authenticates callers, and by contact, which lists them.

use serde::{Deserialize, Serialize};

use crate::id::{ContactId, TokenId};
use crate::store::dynamodb::item::{Item, string_attr};
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
}

/// An item of the table `token_ids`.
#[derive(Deserialize, Serialize)]
pub struct TokenListing {
    pub contact_id: ContactId,
    pub id: TokenId,
    pub token_hash: String,
    pub label: String,
    pub created_at: Micros,
    /// In seconds, as TTL requires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Seconds>,
}

impl From<TokenListing> for Token {
    fn from(listing: TokenListing) -> Self {
        Self {
            id: listing.id,
            label: listing.label,
            created_at: listing.created_at.into(),
            expires_at: listing.expires_at,
        }
    }
}

/// The key in the table `tokens`.
pub fn hash_key(token_hash: &str) -> Item {
    Item::from([("token_hash".to_owned(), string_attr(token_hash))])
}

/// The key in the table `token_ids`.
pub fn listing_key(contact: ContactId, id: TokenId) -> Item {
    Item::from([
        ("contact_id".to_owned(), string_attr(contact)),
        ("id".to_owned(), string_attr(id)),
    ])
}
