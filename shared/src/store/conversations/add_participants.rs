use std::collections::BTreeSet;

use futures_util::future::{join, join3};

use super::create::check_size;
use crate::caller::Caller;
use crate::conversation::{Conversation, MAX_PARTICIPANTS, Participants};
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId};
use crate::store::Store;
use crate::store::dynamodb::item::{number_attr, string_attr, string_set_attr};
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::update::Update;
use crate::store::items::conversation::{ConversationItem, key, visible_to};
use crate::time::Micros;

impl Store {
    /// Adds participants. Those who are participants already are ignored.
    ///
    /// New participants can read the conversation's earlier messages; only later ones are in their inbox.
    /// Three round trips: token and conversation ‖ newest message ‖ participants; transaction ‖
    /// membership; contacts ‖ unread count.
    ///
    /// # Errors
    ///
    /// [`Error::ConversationNotFound`]; [`Error::NotTheCreator`]; [`Error::ConversationUnnamed`];
    /// [`Error::MentionNotFound`]; [`Error::InvalidParticipantCount`].
    pub async fn add_participants(
        &self,
        caller: &Caller,
        id: ConversationId,
        participants: &Participants,
    ) -> Result<Conversation> {
        let mut backoff = Backoff::default();
        loop {
            let reads = join3(
                self.load_caller_and_conversation(caller, id),
                self.newest_message(id),
                self.resolve_mentions(participants.as_slice()),
            );
            let (read, newest, mentioned) = reads.await;
            let (contact, conversation) = read?;
            let conversation =
                visible_to(contact, conversation).ok_or(Error::ConversationNotFound)?;
            conversation.check_can_be_managed_by(contact)?;
            let present = &conversation.participants;
            let new: BTreeSet<_> = mentioned?.difference(present).copied().collect();
            let all = present.union(&new).copied().collect();
            check_size(&all)?;
            let newest = newest?;
            let floor = newest.as_ref().map(|newest| newest.created_at);
            let floor = floor.unwrap_or(conversation.created_at);
            let joined_at = self.clock.now().max(floor);
            let (added, membership) = join(
                self.write_new_participants(id, contact, &new, joined_at),
                self.membership(contact, id),
            )
            .await;
            if added? {
                let membership = membership?.ok_or(Error::ConversationNotFound)?;
                let conversation = ConversationItem {
                    participants: all,
                    ..conversation
                };
                return self
                    .render_conversation(conversation, membership, newest)
                    .await;
            }
            backoff.wait("the participants keep changing").await?;
        }
    }

    /// One transaction. Returns false if the participants have changed.
    async fn write_new_participants(
        &self,
        id: ConversationId,
        caller: ContactId,
        new: &BTreeSet<ContactId>,
        joined_at: Micros,
    ) -> Result<bool> {
        if new.is_empty() {
            return Ok(true);
        }
        let room = MAX_PARTICIPANTS - new.len();
        let update = Update::new(
            &self.tables.conversations,
            key(id),
            "ADD participants :new",
            "contains(participants, :caller) AND size(participants) <= :room",
        )
        .value(":new", string_set_attr(new))
        .value(":caller", string_attr(caller))
        .value(
            ":room",
            number_attr(room.try_into().map_err(Error::internal)?),
        );
        let mut items = vec![update.into_transaction_item()?];
        items.extend(self.membership_puts(id, new, joined_at)?);
        self.transact(items).await
    }
}
