use crate::caller::Caller;
use crate::contact::ContactRef;
use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::dynamodb::item::{string_attr, string_set_attr};
use crate::store::dynamodb::update::Update;
use crate::store::items::contact::key;

impl Store {
    /// Unblocks a contact, if the caller has blocked it. Two round trips: token; update.
    pub async fn unblock_contact(&self, caller: &Caller, contact: &ContactRef) -> Result<()> {
        let own = self.authenticate(caller).await?;
        let contact = self.resolve(caller, contact).await?;
        let contact = contact.ok_or(Error::ContactNotFound)?;
        let condition = "contains(blocks, :contact)";
        let unblock = Update::new(
            &self.tables.contacts,
            key(own),
            "DELETE blocks :contacts",
            condition,
        )
        .value(":contacts", string_set_attr([contact]))
        .value(":contact", string_attr(contact));
        unblock.send(&self.db).await.map(drop)
    }
}
