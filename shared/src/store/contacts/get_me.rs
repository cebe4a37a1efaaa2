use crate::caller::Caller;
use crate::contact::Contact;
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::store::Store;
use crate::store::dynamodb::item::from_item;
use crate::store::items::contact::{ContactItem, key};

impl Store {
    /// Returns the caller. Two round trips: token; contact.
    pub async fn get_me(&self, caller: &Caller) -> Result<Contact> {
        let contact = self.authenticate(caller).await?;
        Ok(self.load_own_contact(contact).await?.into())
    }

    /// The item of a contact that must exist, because it has a token.
    pub(super) async fn load_own_contact(&self, id: ContactId) -> Result<ContactItem> {
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.contacts)
            .set_key(Some(key(id)));
        let item = get.consistent_read(true).send().await?.item;
        let orphaned = || Error::internal("the contact of a token does not exist");
        from_item(item.ok_or_else(orphaned)?)
    }
}
