use futures_util::future::try_join;

use crate::caller::Caller;
use crate::contact::{Me, Profile, Relation, Username};
use crate::error::{Error, Result, TokenProblem, Unauthenticated};
use crate::id::ContactId;
use crate::metadata::Metadata;
use crate::store::Store;
use crate::store::contacts::{ContactProfile, EXTERNAL_ID, NewContact};
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::Transaction;

/// How many characters of a generated username are random.
const RANDOM: usize = 10;

impl Store {
    /// Returns the caller. Two round trips: token; contact ‖ conversations; one more to count unread messages, if there
    /// are any.
    ///
    /// Creates the contact of a JSON Web Token whose subject has none, if the deployment says so: one transaction and one
    /// round trip more.
    pub async fn get_me(&self, caller: &Caller) -> Result<Me> {
        let contact = match self.authenticate(caller).await {
            Err(Error::Unauthenticated(Unauthenticated::JsonWebTokenInvalid(
                TokenProblem::ContactUnknown,
            ))) if self.creates_contacts() => {
                Box::pin(self.create_subject(caller)).await?;
                self.authenticate(caller).await?
            }
            contact => contact?,
        };
        let reads = try_join(
            self.load_own_contact(contact),
            self.total_unread_count(contact),
        );
        let (contact, unread_count) = reads.await?;
        Ok(Me {
            contact: Profile::from(contact).shown_to(Relation::Acquainted),
            unread_count,
        })
    }

    /// Creates the contact of a verified JSON Web Token, unless another request does so at the same time.
    async fn create_subject(&self, caller: &Caller) -> Result<()> {
        let claims = caller.claims();
        let claims = claims.ok_or_else(|| Error::internal("the token is not verified"))?;
        let mut username = claims.username.clone();
        let mut backoff = Backoff::default();
        loop {
            let allowed = username.take();
            let allowed = allowed.filter(|name| self.username_rules.check(name).is_ok());
            let contact = NewContact {
                id: ContactId::random(),
                profile: ContactProfile {
                    username: allowed.map_or_else(generate_username, Ok)?,
                    phone_number: claims.phone_number.clone(),
                    avatar_url: claims.avatar_url.clone(),
                    metadata: Metadata::default(),
                    external_id: Some(claims.subject.clone()),
                },
                last_active_at: None,
                created_at: self.clock.now(),
            };
            match self.write_contact(&contact).await? {
                Transaction::Committed => return Ok(()),
                Transaction::ConditionsFailed(failed) if failed.contains(&EXTERNAL_ID) => {
                    return Ok(());
                }
                // The username is taken: the next one is generated.
                Transaction::ConditionsFailed(_) => {
                    backoff.wait("generated usernames are taken").await?;
                }
            }
        }
    }
}

/// A username for a contact whose identity provider says none that it may have.
fn generate_username() -> Result<Username> {
    let random = ContactId::random().to_string();
    let username = format!("user-{}", &random[..RANDOM]);
    Username::try_from(username).map_err(Error::internal)
}
