use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::caller::Caller;
use crate::contact::ContactRef;
use crate::error::{Error, Result, Unauthenticated};
use crate::id::{ContactId, TokenId};
use crate::key::Scope;
use crate::store::Store;
use crate::store::dynamodb::item::{from_item, number_attr, string_attr};
use crate::store::dynamodb::transaction::{Transaction, condition_check, put_new, transact};
use crate::store::items::contact::{ContactItem, external_id_key, key, last_used};
use crate::store::items::token::{TokenItem, TokenListing, hash_key};
use crate::time::Seconds;
use crate::token::{Label, Lifetime, NewToken, TOKEN_PREFIX, Token, generate_secret};

impl Store {
    /// Creates a token for the caller, which expires no later than the caller's own, or its JSON Web Token. Three round trips: token;
    /// list ‖ contact; transaction.
    ///
    /// # Errors
    ///
    /// [`Error::LifetimeTooLong`]; [`Error::TooManyTokens`]; [`Error::Unauthenticated`] also if the caller's
    /// token has been revoked or has expired meanwhile, or the contact has been suspended.
    pub async fn create_token(
        &self,
        caller: &Caller,
        label: Label,
        expires_in: Option<Lifetime>,
    ) -> Result<NewToken> {
        const ISSUER: usize = 0;
        const CONTACT: usize = 1;
        let issuer = self.authenticate_for_tokens(caller).await?;
        let now = Seconds::from(self.clock.now());
        // A JSON Web Token is still taken in the minute after its expiry.
        if issuer.expires_at.is_some_and(|end| end <= now) {
            return Err(Unauthenticated::TokenInvalid.into());
        }
        let expiry = expires_in.map(|lifetime| lifetime.from(now));
        if let (Some(issuers), Some(expiry)) = (issuer.expires_at, expiry)
            && expiry > issuers
        {
            return Err(Error::LifetimeTooLong {
                max_seconds: issuers.0.saturating_sub(now.0),
            });
        }
        self.ensure_quota(issuer.contact).await?;
        let secret = generate_secret(TOKEN_PREFIX);
        let listing = self.new_listing(
            Caller::with_token(&secret).token_hash().to_owned(),
            issuer.contact,
            label,
            expiry.or(issuer.expires_at),
            issuer.token,
        );
        let mut items = vec![
            self.is_valid(caller, issuer.contact)?,
            self.may_have_tokens(issuer.contact)?,
        ];
        items.extend(self.put_token(&listing)?);
        match transact(&self.db, items).await? {
            Transaction::Committed => Ok(NewToken {
                token: listing.into_token(None),
                secret,
            }),
            Transaction::ConditionsFailed(failed)
                if failed.contains(&ISSUER) || failed.contains(&CONTACT) =>
            {
                self.access_cache.remove_token(caller);
                Err(Unauthenticated::TokenInvalid.into())
            }
            Transaction::ConditionsFailed(_) => Err(Error::AlreadyExists),
        }
    }

    /// Creates a token for a contact, with a server key. Its number is not limited. Four round trips: key; contact;
    /// audit trail; transaction. One more for an external id, and to forget when old tokens were last used.
    ///
    /// # Errors
    ///
    /// [`Error::KeyRequired`]; [`Error::ScopeMissing`]; [`Error::ContactNotFound`]; [`Error::ContactSuspended`].
    pub async fn create_contact_token(
        &self,
        caller: &Caller,
        contact: &ContactRef,
        label: Label,
        expires_in: Option<Lifetime>,
    ) -> Result<NewToken> {
        self.authenticate_key(caller, Scope::Tokens).await?;
        let attributes = self.load_referenced_attributes(contact).await?;
        let attributes = attributes.ok_or(Error::ContactNotFound)?;
        let used = last_used(&attributes);
        let contact: ContactItem = from_item(attributes)?;
        if contact.suspended_at.is_some() {
            return Err(Error::ContactSuspended);
        }
        self.audit(caller, contact.id).await?;
        self.forget_oldest_uses(contact.id, used).await?;
        let secret = generate_secret(TOKEN_PREFIX);
        let expiry = expires_in.map(|lifetime| lifetime.from(self.clock.now().into()));
        let hash = Caller::with_token(&secret).token_hash().to_owned();
        let listing = self.new_listing(hash, contact.id, label, expiry, None);
        let mut items = vec![self.may_have_tokens(contact.id)?];
        items.extend(self.put_token(&listing)?);
        if self.transact(items).await? {
            let token = listing.into_token(None);
            Ok(NewToken { token, secret })
        } else {
            // It has been suspended or erased meanwhile.
            Err(Error::ContactSuspended)
        }
    }

    /// The condition that a contact exists and is not suspended, as part of a transaction.
    fn may_have_tokens(&self, contact: ContactId) -> Result<TransactWriteItem> {
        condition_check(
            &self.tables.contacts,
            key(contact),
            "attribute_exists(id) AND attribute_not_exists(suspended_at)",
            &[],
        )
    }

    /// Writes a token that an operator issues, and its listing.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`] if there is a token with this hash; [`Error::ContactSuspended`], also without the contact.
    pub(in crate::store) async fn write_token(
        &self,
        token_hash: String,
        contact: ContactId,
        label: Label,
        expires_at: Option<Seconds>,
    ) -> Result<Token> {
        const CONTACT: usize = 0;
        let listing = self.new_listing(token_hash, contact, label, expires_at, None);
        let mut items = vec![self.may_have_tokens(contact)?];
        items.extend(self.put_token(&listing)?);
        match transact(&self.db, items).await? {
            Transaction::Committed => Ok(listing.into_token(None)),
            Transaction::ConditionsFailed(failed) if failed.contains(&CONTACT) => {
                Err(Error::ContactSuspended)
            }
            Transaction::ConditionsFailed(_) => Err(Error::AlreadyExists),
        }
    }

    fn new_listing(
        &self,
        token_hash: String,
        contact_id: ContactId,
        label: Label,
        expires_at: Option<Seconds>,
        issued_with: Option<TokenId>,
    ) -> TokenListing {
        let now = self.clock.now();
        TokenListing {
            contact_id,
            id: TokenId::new(now),
            token_hash,
            label: label.into(),
            created_at: now,
            expires_at,
            issued_with,
        }
    }

    /// A token and its listing, as parts of a transaction.
    fn put_token(&self, listing: &TokenListing) -> Result<[TransactWriteItem; 2]> {
        let token = TokenItem {
            token_hash: listing.token_hash.clone(),
            contact_id: listing.contact_id,
            id: listing.id,
            expires_at: listing.expires_at,
            issued_with: listing.issued_with,
        };
        Ok([
            put_new(&self.tables.tokens, "token_hash", &token)?,
            put_new(&self.tables.token_ids, "id", listing)?,
        ])
    }

    /// The condition that the caller's token is still valid, as part of a transaction; for a JSON Web Token, that its
    /// subject still is the external id of the contact.
    fn is_valid(&self, caller: &Caller, contact: ContactId) -> Result<TransactWriteItem> {
        if let Some(claims) = caller.claims() {
            return condition_check(
                &self.tables.contacts,
                external_id_key(&claims.subject),
                "contact_id = :contact AND attribute_not_exists(suspended_at)",
                &[(":contact", string_attr(contact))],
            );
        }
        let now = Seconds::from(self.clock.now());
        condition_check(
            &self.tables.tokens,
            hash_key(caller.token_hash()),
            "attribute_exists(token_hash) AND (attribute_not_exists(expires_at) OR expires_at > :now)",
            &[(":now", number_attr(now.0))],
        )
    }
}
