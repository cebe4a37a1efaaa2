use futures_util::future::try_join;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::MessageId;
use crate::message::Message;
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;

impl Store {
    /// Returns a message. One round trip, two if it displays contacts that the last ones did not, is a reply, or is older
    /// than the recent reads. A moderator need not participate.
    pub async fn get_message(&self, caller: &Caller, id: MessageId) -> Result<Message> {
        let expected = self.expected_contacts(caller, id.conversation());
        let batch = self.with_contacts(BatchGet::default(), &expected);
        let mut context = match self.load_message_context(caller, id, batch).await {
            Err(Error::ContactRequired) => {
                return Box::pin(self.get_message_as_moderator(caller, id)).await;
            }
            context => context?,
        };
        let mut message = context.message.ok_or(Error::MessageNotFound)?;
        let mut needed = message.displayed_contacts();
        self.participant_cache
            .record_message(id.conversation(), &needed);
        needed.insert(context.participation.caller);
        let known = self.take_contacts(&mut context.items)?.requested(&expected);
        let (displayed, read_log) = try_join(
            self.load_displayed(known, &needed, [&message]),
            self.load_reads_in(&context.participation, &message),
        )
        .await?;
        read_log.apply(&mut message);
        Ok(message.render(context.participation.viewer(), &displayed))
    }
}
