//! A server key: what the operator's own server authenticates with. It stands for no contact.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::TokenId;
use crate::time::Seconds;

/// What a server key may do.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Create, read and update contacts.
    Contacts,
    /// Create and revoke the tokens of contacts.
    Tokens,
    /// Act on behalf of contacts.
    Conversations,
    /// Read all conversations, delete messages, remove participants, close conversations, and resolve reports.
    Moderate,
    /// Read the audit trail.
    Export,
    /// Create and manage the operator's webhooks, which get the events of all conversations.
    Webhooks,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 6] = [
        Self::Contacts,
        Self::Tokens,
        Self::Conversations,
        Self::Moderate,
        Self::Export,
        Self::Webhooks,
    ];

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Its name, as `cargo ops key issue --scope` takes it.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contacts => "contacts",
            Self::Tokens => "tokens",
            Self::Conversations => "conversations",
            Self::Moderate => "moderate",
            Self::Export => "export",
            Self::Webhooks => "webhooks",
        })
    }
}

/// The text is not a scope.
#[derive(Debug, thiserror::Error)]
#[error("must be a scope: contacts, tokens, conversations, moderate, export or webhooks")]
pub struct InvalidScope;

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        let named = |scope: &Self| scope.to_string() == text;
        Self::ALL.into_iter().find(named).ok_or(InvalidScope)
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(from = "Vec<String>", into = "Vec<Scope>")]
pub struct Scopes(u8);

impl Scopes {
    /// Whether the set has this scope.
    #[must_use]
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// The scopes of the set, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL
            .into_iter()
            .filter(move |&scope| self.contains(scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

/// Without those that only a later version knows.
impl From<Vec<String>> for Scopes {
    fn from(names: Vec<String>) -> Self {
        let scopes = names.iter().filter_map(|name| name.parse().ok());
        scopes.collect()
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.iter().collect()
    }
}

/// A server key without its secret.
#[derive(Clone, Debug, Serialize)]
pub struct Key {
    /// Its id, which is not secret.
    pub id: TokenId,
    /// Its label.
    pub label: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was issued.
    pub created_at: Seconds,
    /// When it expires, if it does.
    pub expires_at: Option<Seconds>,
    /// When it was last used, accurate to two minutes; none before the first request.
    pub last_used_at: Option<Seconds>,
}

/// A server key that has just been issued.
#[derive(Debug)]
pub struct NewKey {
    /// The key.
    pub key: Key,
    /// The secret. Only its hash is stored.
    pub secret: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_scopes_it_was_made_of() {
        let scopes: Scopes = [Scope::Conversations, Scope::Contacts]
            .into_iter()
            .collect();
        let contained = Scope::ALL.map(|scope| scopes.contains(scope));
        assert_eq!(contained, [true, false, true, false, false, false]);
        let json = serde_json::to_string(&scopes).unwrap();
        assert_eq!(json, r#"["contacts","conversations"]"#);
        assert_eq!(serde_json::from_str::<Scopes>(&json).unwrap(), scopes);
    }

    #[test]
    fn a_scope_is_parsed_from_its_name() {
        for scope in Scope::ALL {
            assert_eq!(scope.to_string().parse::<Scope>().unwrap(), scope);
        }
        assert!("admin".parse::<Scope>().is_err());
    }
}
