use std::collections::BTreeSet;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::MessageId;
use crate::message::Message;
use crate::store::Store;

impl Store {
    /// Returns a message. One round trip, two if it displays contacts that the last ones did not.
    pub async fn get_message(&self, caller: &Caller, id: MessageId) -> Result<Message> {
        let recent = self.participant_cache.get(id.conversation());
        let context = self
            .load_message_context(caller, id, &BTreeSet::new(), &recent)
            .await?;
        let message = context.message.ok_or(Error::MessageNotFound)?;
        let displayed = message.displayed_contacts();
        let contacts = self
            .load_missing_contacts(context.contacts, &displayed)
            .await?;
        self.participant_cache
            .record_message(id.conversation(), &displayed);
        Ok(message.render(&contacts))
    }
}
