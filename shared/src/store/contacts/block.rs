use crate::caller::Caller;
use crate::contact::{ContactRef, MAX_BLOCKS};
use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::item::{number_attr, string_attr, string_set_attr};
use crate::store::dynamodb::update::Update;
use crate::store::items::contact::key;
use crate::store::items::erasure;

impl Store {
    /// Blocks a contact, so that it cannot begin a conversation with the caller, add it to one, or send
    /// messages to it alone. Three round trips: token;
    /// contact; update.
    ///
    /// # Errors
    ///
    /// [`Error::ContactNotFound`]; [`Error::OwnContact`]; [`Error::TooManyBlocks`].
    pub async fn block_contact(&self, caller: &Caller, contact: &ContactRef) -> Result<()> {
        let own = self.authenticate(caller).await?;
        let contact = self.resolve(caller, contact).await?;
        let contact = contact.ok_or(Error::ContactNotFound)?;
        if contact == own {
            return Err(Error::OwnContact);
        }
        let table = &self.tables.contacts;
        let erasure = erasure::key(contact);
        let batch = BatchGet::default().keys(table, [key(contact), erasure.clone()]);
        let mut items = batch.send(&self.db).await?;
        // An erasure that has begun may have passed this item: the block would outlast it.
        let is_being_erased = items.take_item(table, &erasure).is_some();
        if is_being_erased || items.take_items(table).is_empty() {
            return Err(Error::ContactNotFound);
        }
        let condition = "attribute_exists(username) AND (attribute_not_exists(blocks) \
             OR size(blocks) < :max OR contains(blocks, :contact))";
        let block = Update::new(table, key(own), "ADD blocks :contacts", condition)
            .value(":contacts", string_set_attr([contact]))
            .value(":contact", string_attr(contact))
            .value(":max", number_attr(MAX_BLOCKS));
        if block.send(&self.db).await? {
            Ok(())
        } else {
            Err(Error::TooManyBlocks)
        }
    }
}
