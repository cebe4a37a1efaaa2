use futures_util::future::join;

use crate::caller::Caller;
use crate::contact::{Contact, Username};
use crate::error::Result;
use crate::store::Store;

impl Store {
    /// Returns the contact with this username. Without a shared conversation, only its public profile.
    /// Three round trips: token ‖ username; contact ‖ the caller's memberships; the contact's memberships in
    /// the same conversations.
    pub async fn find_contact(
        &self,
        caller: &Caller,
        username: &Username,
    ) -> Result<Option<Contact>> {
        let (caller, owner) = join(self.authenticate(caller), self.owner_of(username)).await;
        let caller = caller?;
        let Some(owner) = owner? else {
            return Ok(None);
        };
        let reads = join(
            self.load_contact(owner),
            self.share_a_conversation(caller, owner),
        );
        let (contact, shares) = reads.await;
        let sees_all = caller == owner || shares?;
        Ok(contact?.map(|contact| {
            if sees_all {
                contact
            } else {
                contact.public_profile()
            }
        }))
    }
}
