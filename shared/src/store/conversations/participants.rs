//! Who takes part: others come, and others are shown out.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::{join, join3};

use super::begin::check_size;
use super::{Row, key, visible};
use crate::caller::Caller;
use crate::conversation::{Conversation, MAX_PARTICIPANTS, Participants};
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId};
use crate::store::failure::Backoff;
use crate::store::write::Update;
use crate::store::{Store, n, s};
use crate::time::Micros;

impl Store {
    /// Lets others take part as well; who does already, stays.
    ///
    /// They see what was said before, and what is said from now on comes to their inbox.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::ConversationNotFound`], also for those who do not take part;
    /// [`Error::NotTheCreator`] and [`Error::WithoutName`]; [`Error::ContactNotFound`]; [`Error::Invalid`] if they are too many.
    pub async fn add_participants(
        &self,
        caller: &Caller,
        id: ConversationId,
        others: &Participants,
    ) -> Result<Conversation> {
        let mut backoff = Backoff::default();
        loop {
            let reads = join3(
                self.caller_and_row(caller, id),
                self.newest_message(id),
                self.mentioned(others.as_slice()),
            );
            let (read, newest, mentioned) = reads.await;
            let (contact, row) = read?;
            let row = visible(row, contact).ok_or(Error::ConversationNotFound { param: "id" })?;
            row.check_is_managed_by(contact)?;
            let new: BTreeSet<_> = mentioned?.difference(&row.participants).copied().collect();
            let participants = row.participants.union(&new).copied().collect();
            check_size(&participants)?;
            let newest = newest?;
            let floor = newest.as_ref().map(|newest| newest.id().created_at());
            let since = self.clock.now().max(floor.unwrap_or(row.created_at));
            let (let_in, membership) = join(
                self.let_in(id, contact, &new, since),
                self.membership(contact, id),
            )
            .await;
            if let_in? {
                let membership = membership?.ok_or(Error::ConversationNotFound { param: "id" })?;
                let row = Row {
                    participants,
                    ..row
                };
                return self.show_conversation(row, membership, newest).await;
            }
            backoff.wait("who takes part keeps changing").await?;
        }
    }

    /// Ends the part of somebody in a conversation: of the caller, or of another by its creator;
    /// none is a contact that cannot exist.
    ///
    /// # Errors
    ///
    /// As [`Store::leave`]; [`Error::NotTheCreator`] and [`Error::WithoutName`]; [`Error::ContactNotFound`] if it does not take part.
    pub async fn remove_participant(
        &self,
        caller: &Caller,
        id: ConversationId,
        participant: Option<ContactId>,
    ) -> Result<()> {
        let (contact, row) = self.caller_and_row(caller, id).await?;
        if participant == Some(contact) {
            return self.depart(row, id, contact).await;
        }
        let row = visible(row, contact).ok_or(Error::ConversationNotFound { param: "id" })?;
        row.check_is_managed_by(contact)?;
        let nobody = || Error::ContactNotFound {
            param: "contact_id",
            text: None,
        };
        let participant = participant.ok_or_else(nobody)?;
        match self.depart(Some(row), id, participant).await {
            Err(Error::ConversationNotFound { .. }) => Err(nobody()),
            outcome => outcome,
        }
    }

    /// One transaction; whether nothing came between.
    async fn let_in(
        &self,
        id: ConversationId,
        contact: ContactId,
        new: &BTreeSet<ContactId>,
        since: Micros,
    ) -> Result<bool> {
        if new.is_empty() {
            return Ok(true);
        }
        let room = MAX_PARTICIPANTS - new.len();
        let added = new.iter().map(ToString::to_string).collect();
        let update = Update::new(
            &self.tables.conversations,
            key(id),
            "ADD participants :new",
            "contains(participants, :contact) AND size(participants) <= :room",
        )
        .with(":new", AttributeValue::Ss(added))
        .with(":contact", s(contact))
        .with(":room", n(room.try_into().map_err(Error::internal)?));
        let mut items = vec![update.into_part()?];
        items.extend(self.joins(id, new, since)?);
        Ok(self.transact(items).await?.is_empty())
    }
}
