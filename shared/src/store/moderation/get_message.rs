use std::collections::HashMap;

use futures_util::future::try_join;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::MessageId;
use crate::message::Message;
use crate::store::Store;
use crate::store::viewer::Viewer;

impl Store {
    /// Returns a message. Four round trips: key; audit trail; message and conversation; contacts ‖ older reads.
    pub(in crate::store) async fn get_message_as_moderator(
        &self,
        caller: &Caller,
        id: MessageId,
    ) -> Result<Message> {
        let moderated = self.load_message_as_moderator(caller, id).await?;
        let mut message = moderated.message.ok_or(Error::MessageNotFound)?;
        let needed = message.displayed_contacts();
        let (displayed, read_log) = try_join(
            self.load_displayed(HashMap::new(), &needed, [&message]),
            self.load_reads(
                id.conversation(),
                &moderated.conversation.read_log,
                std::iter::once(&message),
            ),
        )
        .await?;
        read_log.apply(&mut message);
        Ok(message.render(Viewer::Operator, &displayed))
    }
}
