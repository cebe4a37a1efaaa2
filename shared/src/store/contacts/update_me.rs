use crate::caller::Caller;
use crate::contact::{Contact, Profile, Relation};
use crate::error::Result;
use crate::store::Store;
use crate::store::contacts::ContactUpdate;

impl Store {
    /// Updates the caller. The old username stays taken for a while. Three round trips: token; contact;
    /// transaction.
    ///
    /// # Errors
    ///
    /// [`Error::UsernameTaken`], [`Error::UsernameReserved`], [`Error::UsernameLikeId`] or
    /// [`Error::TooManyReleasedUsernames`], before anything is changed.
    ///
    /// [`Error::UsernameTaken`]: crate::Error::UsernameTaken
    /// [`Error::UsernameReserved`]: crate::Error::UsernameReserved
    /// [`Error::UsernameLikeId`]: crate::Error::UsernameLikeId
    /// [`Error::TooManyReleasedUsernames`]: crate::Error::TooManyReleasedUsernames
    pub async fn update_me(&self, caller: &Caller, update: &ContactUpdate) -> Result<Contact> {
        let contact = self.authenticate(caller).await?;
        let contact = self.load_own_contact(contact).await?;
        let check = |username: &_| self.username_rules.check(username);
        let contact = self.write_contact_update(contact, update, check).await?;
        Ok(Profile::from(contact).shown_to(Relation::Acquainted))
    }
}
