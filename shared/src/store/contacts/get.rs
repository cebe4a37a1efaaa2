use std::collections::BTreeSet;

use futures_util::future::join;

use crate::caller::Caller;
use crate::contact::Contact;
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::store::Store;

impl Store {
    /// Returns the caller, or a contact that shares a conversation with the caller. Three round trips:
    /// token ‖ contact; the caller's memberships; the contact's memberships in the same conversations.
    ///
    /// # Errors
    ///
    /// [`Error::ContactNotFound`], also for a contact that shares no conversation with the caller.
    pub async fn get_contact(&self, caller: &Caller, id: ContactId) -> Result<Contact> {
        let ids = BTreeSet::from([id]);
        let reads = join(self.authenticate(caller), self.load_contacts(&ids));
        let (caller, contacts) = reads.await;
        let caller = caller?;
        let contact = contacts?.remove(&id);
        if caller == id || self.share_a_conversation(caller, id).await? {
            Ok(contact.unwrap_or_else(|| Contact::erased(id)))
        } else {
            Err(Error::ContactNotFound)
        }
    }
}
