use futures_util::future::join;

use crate::caller::{Caller, Claims, Identity, Principal};
use crate::error::{Error, Result, TokenProblem, Unauthenticated};
use crate::id::{ContactId, TokenId};
use crate::key::{Scope, Scopes};
use crate::store::Store;
use crate::store::dynamodb::batch::{BatchGet, BatchItems};
use crate::store::dynamodb::item::from_item;
use crate::store::identity_provider::invalid;
use crate::store::items::contact::{ExternalIdItem, external_id_key};
use crate::store::items::token::{TokenTableItem, hash_key};
use crate::time::Seconds;

/// Whose tokens a request is about.
pub(super) struct TokenOwner {
    pub contact: ContactId,
    /// The token of the request; none for a server key or a JSON Web Token.
    pub token: Option<TokenId>,
    /// The token that issued it; none if an operator did.
    pub issued_with: Option<TokenId>,
    /// When the token, the server key or the JSON Web Token expires.
    pub expires_at: Option<Seconds>,
}

impl Store {
    /// Returns the contact that the caller acts for. One round trip; none if the caller is identified already.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if the token is unknown or has expired; [`Error::BudgetExceeded`];
    /// [`Error::ContactRequired`] for a server key that acts for itself.
    pub async fn authenticate(&self, caller: &Caller) -> Result<ContactId> {
        self.identify(caller)
            .await?
            .contact()
            .ok_or(Error::ContactRequired)
    }

    /// Returns what the caller's token or server key stands for. One round trip; none if the caller is identified
    /// already; more for a server key on behalf of a contact (`on_behalf`).
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::BudgetExceeded`].
    pub(crate) async fn identify(&self, caller: &Caller) -> Result<Identity> {
        if let Some(contact) = caller.unresolved_contact() {
            // Boxed, because it would make the futures of all requests larger.
            return Box::pin(self.act_on_behalf(caller, contact)).await;
        }
        let batch = self.with_caller(BatchGet::default(), caller).await?;
        let mut items = batch.send(&self.db).await?;
        self.take_identity(&mut items, caller)
    }

    /// The contact whose tokens the caller may list, create and revoke, and the token with which it does so.
    ///
    /// # Errors
    ///
    /// As [`Store::authenticate`]; [`Error::ScopeMissing`] for a server key that may act for contacts, but not issue
    /// tokens to them.
    pub(super) async fn authenticate_for_tokens(&self, caller: &Caller) -> Result<TokenOwner> {
        let identity = self.identify(caller).await?;
        let contact = identity.contact().ok_or(Error::ContactRequired)?;
        let token = match identity.principal {
            Principal::Contact(_) => identity.token,
            Principal::Server { scopes, .. } => {
                require(scopes, Scope::Tokens)?;
                None
            }
        };
        Ok(TokenOwner {
            contact,
            token,
            issued_with: identity.issued_with,
            expires_at: identity.expires_at,
        })
    }

    /// Fails unless the caller is a server key that acts for itself, with this scope. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::BudgetExceeded`]; [`Error::KeyRequired`]; [`Error::ScopeMissing`].
    pub(in crate::store) async fn authenticate_key(
        &self,
        caller: &Caller,
        scope: Scope,
    ) -> Result<()> {
        match self.identify(caller).await?.principal {
            Principal::Server {
                scopes,
                on_behalf_of: None,
                ..
            } => require(scopes, scope),
            Principal::Server { .. } | Principal::Contact(_) => Err(Error::KeyRequired { scope }),
        }
    }

    /// Adds the caller's token to a batch, unless the caller is identified already: the item of a token, or the external
    /// id that a JSON Web Token names, once the token is verified.
    ///
    /// # Errors
    ///
    /// As [`Store::verified_claims`].
    pub(in crate::store) async fn with_caller(
        &self,
        batch: BatchGet,
        caller: &Caller,
    ) -> Result<BatchGet> {
        if caller.identity().is_some() {
            return Ok(batch);
        }
        Ok(match self.verified_claims(caller).await? {
            None => batch.keys(&self.tables.tokens, [hash_key(caller.token_hash())]),
            Some(claims) => {
                let key = external_id_key(&claims.subject);
                batch.keys(&self.tables.contacts, [key])
            }
        })
    }

    /// Identifies the caller with the token from a batch, as [`Store::authenticate`] does.
    pub(in crate::store) fn take_caller(
        &self,
        items: &mut BatchItems,
        caller: &Caller,
    ) -> Result<ContactId> {
        let identity = self.take_identity(items, caller)?;
        identity.contact().ok_or(Error::ContactRequired)
    }

    fn take_identity(&self, items: &mut BatchItems, caller: &Caller) -> Result<Identity> {
        if let Some(identity) = caller.identity() {
            return Ok(identity);
        }
        let identity = self.take_token(items, caller)?;
        caller.identify(identity);
        self.check_budget(identity.payer())?;
        Ok(identity)
    }

    /// What the caller's token stands for; the caller is not identified yet. One round trip.
    pub(in crate::store) async fn read_token(&self, caller: &Caller) -> Result<Identity> {
        let batch = self.with_caller(BatchGet::default(), caller).await?;
        let mut items = batch.send(&self.db).await?;
        self.take_token(&mut items, caller)
    }

    /// What the token from a batch stands for.
    fn take_token(&self, items: &mut BatchItems, caller: &Caller) -> Result<Identity> {
        let identity = match caller.claims() {
            Some(claims) => self.take_subject(items, claims),
            None => self.take_opaque_token(items),
        };
        match &identity {
            Ok(identity) => {
                let (payer, now) = (identity.payer(), self.clock.now());
                self.access_cache.record_token(caller, payer, now);
            }
            Err(_) => self.access_cache.remove_token(caller),
        }
        identity
    }

    /// The contact whose external id is the subject of a JSON Web Token.
    fn take_subject(&self, items: &mut BatchItems, claims: &Claims) -> Result<Identity> {
        let key = external_id_key(&claims.subject);
        let item = items.take_item(&self.tables.contacts, &key);
        let item = item.map(from_item::<ExternalIdItem>).transpose()?;
        let item = item.ok_or_else(|| invalid(TokenProblem::ContactUnknown))?;
        if item.suspended_at.is_some() {
            return Err(invalid(TokenProblem::ContactSuspended));
        }
        Ok(Identity {
            principal: Principal::Contact(item.contact_id),
            token: None,
            issued_with: None,
            expires_at: Some(claims.expires_at),
        })
    }

    fn take_opaque_token(&self, items: &mut BatchItems) -> Result<Identity> {
        let token = items.take_items(&self.tables.tokens).pop();
        let token = token.map(TokenTableItem::from_item).transpose()?;
        // TTL deletes days late, so expiry is checked here as well.
        let now = self.clock.now();
        let is_valid =
            |token: &TokenTableItem| token.expires_at().is_none_or(|end| end > now.into());
        let token = token.filter(is_valid);
        let token = token.ok_or(Unauthenticated::TokenInvalid)?;
        Ok(token.identity())
    }

    /// Authenticates the caller and reads something else: in parallel if the token is in the access cache,
    /// otherwise one after the other.
    pub(in crate::store) async fn authenticate_and<T>(
        &self,
        caller: &Caller,
        read: impl Future<Output = Result<T>>,
    ) -> Result<(ContactId, T)> {
        self.with_read(caller, self.authenticate(caller), read)
            .await
    }

    /// The same for an endpoint that server keys can use for themselves.
    pub(in crate::store) async fn identify_and<T>(
        &self,
        caller: &Caller,
        read: impl Future<Output = Result<T>>,
    ) -> Result<(Identity, T)> {
        self.with_read(caller, self.identify(caller), read).await
    }

    async fn with_read<A, T>(
        &self,
        caller: &Caller,
        authenticate: impl Future<Output = Result<A>>,
        read: impl Future<Output = Result<T>>,
    ) -> Result<(A, T)> {
        if self.may_read_ahead(caller, None) {
            let (authenticated, read) = join(authenticate, read).await;
            Ok((authenticated?, read?))
        } else {
            Ok((authenticate.await?, read.await?))
        }
    }
}

/// The contact that a request acts for, or `None` for a server key that acts for itself, with this scope.
///
/// # Errors
///
/// [`Error::ScopeMissing`].
pub fn contact_or_key(identity: Identity, scope: Scope) -> Result<Option<ContactId>> {
    match (identity.principal, identity.contact()) {
        (Principal::Server { scopes, .. }, None) => require(scopes, scope).map(|()| None),
        (_, contact) => Ok(contact),
    }
}

/// Fails if a server key lacks a scope.
pub fn require(scopes: Scopes, scope: Scope) -> Result<()> {
    if scopes.contains(scope) {
        Ok(())
    } else {
        Err(Error::ScopeMissing { scope })
    }
}
