//! Accepting a conversation. A participant who was added by another contact is pending until then.

use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::store::Store;
use crate::store::dynamodb::item::{string_attr, string_set_attr, to_attribute};
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::update::Update;
use crate::store::items::conversation::{ConversationItem, key};
use crate::store::items::membership::{self, ConversationList, LastChange, Membership};

impl Store {
    /// Accepts a conversation on behalf of a participant, and returns it as it is then. Round trips:
    /// membership; transaction; conversation; acquaintances; conversation. If it was accepted before, only
    /// acquaintances that an interrupted request left out are recorded.
    ///
    /// # Errors
    ///
    /// [`Error::ConversationNotFound`] if the contact is not a participant any more.
    pub(in crate::store) async fn accept_conversation(
        &self,
        contact: ContactId,
        mut conversation: ConversationItem,
    ) -> Result<ConversationItem> {
        let id = conversation.id;
        let was_accepted = conversation.has_accepted(contact);
        let mut backoff = Backoff::default();
        while !conversation.has_accepted(contact) {
            let membership = self.membership(contact, id).await?;
            let membership = membership.ok_or(Error::ConversationNotFound)?;
            if !self.write_acceptance(&membership).await? {
                backoff.wait("the participants keep changing").await?;
            }
            conversation = self
                .load_conversation(id)
                .await?
                .filter(|conversation| conversation.participants.contains(&contact))
                .ok_or(Error::ConversationNotFound)?;
        }
        let mut others = conversation.accepted();
        others.remove(&contact);
        if was_accepted {
            others = self.unrecorded_acquaintances(id, contact, &others).await?;
        }
        let pairs = others.into_iter().map(|other| (contact, other)).collect();
        self.record_acquaintances(id, &pairs).await?;
        Ok(conversation)
    }

    /// One transaction. Returns false if the participant is not pending any more, or if the conversation
    /// moved in its list.
    async fn write_acceptance(&self, membership: &Membership) -> Result<bool> {
        let (contact, id) = (membership.contact_id, membership.conversation_id);
        let accept = Update::new(
            &self.tables.conversations,
            key(id),
            "DELETE pending :self",
            "contains(pending, :contact)",
        )
        .value(":self", string_set_attr([contact]))
        .value(":contact", string_attr(contact));
        let open = ConversationList::Open.position(membership.position.latest);
        let list = Update::new(
            &self.tables.memberships,
            membership::key(contact, id),
            "SET place = :open, last_change = :settings",
            "place = :place",
        )
        .value(":open", string_attr(open))
        .value(":settings", to_attribute(&LastChange::Settings)?)
        .value(":place", string_attr(membership.position));
        let items = vec![
            accept.into_transaction_item()?,
            list.into_transaction_item()?,
        ];
        self.transact(items).await
    }
}
