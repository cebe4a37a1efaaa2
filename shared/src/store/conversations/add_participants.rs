use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::TransactWriteItem;
use futures_util::FutureExt;
use futures_util::future::{join, join3};

use super::Participation;
use super::create::check_size;
use crate::caller::Caller;
use crate::contact::Profile;
use crate::conversation::{Conversation, MAX_PARTICIPANTS, Participants};
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId};
use crate::store::Store;
use crate::store::acquaintances::pairs_among;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::item::{number_attr, string_attr, string_set_attr};
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::{Transaction, transact};
use crate::store::dynamodb::update::Update;
use crate::store::items::conversation::{ConversationItem, key};
use crate::store::quotas::GROWTH;
use crate::time::Micros;

impl Store {
    /// Adds participants. Those who are participants already are ignored.
    ///
    /// New participants can read the conversation's earlier messages; only later ones are in their inbox.
    /// Five round trips: token and conversation ‖ newest message ‖ usernames ‖ the caller's counters;
    /// contacts ‖ acquaintances ‖ membership; transaction; acquaintances; contacts ‖ unread count.
    ///
    /// # Errors
    ///
    /// [`Error::ConversationNotFound`]; [`Error::NotTheCreator`]; [`Error::ConversationOfTwo`];
    /// [`Error::ConversationUnnamed`]; [`Error::MentionNotFound`]; [`Error::InvalidParticipantCount`];
    /// [`Error::NotAcceptingMessages`]; [`Error::QuotaExceeded`].
    pub async fn add_participants(
        &self,
        caller: &Caller,
        id: ConversationId,
        participants: &Participants,
    ) -> Result<Conversation> {
        let mut backoff = Backoff::default();
        loop {
            let reads = join3(
                self.newest_message(id),
                self.find_mentioned(participants.as_slice(), caller),
                self.load_usage(caller, &GROWTH),
            );
            let batch = BatchGet::default();
            let read = self.load_as_participant(caller, id, batch, reads.map(Ok));
            let (participation, _, (newest, mentioned, usage)) = read.await?;
            let managed = &participation.conversation;
            managed.check_can_be_managed_by(participation.caller)?;
            self.check_may_write(&participation, HashMap::new()).await?;
            let Participation {
                caller: contact,
                conversation,
            } = participation;
            let present = &conversation.participants;
            let mentioned = mentioned?;
            let candidates = mentioned.candidates();
            let candidates = candidates.difference(present).copied().collect();
            let reads = join(
                self.consent_of(&candidates, contact, caller),
                self.membership(contact, id),
            );
            let (consent, membership) = reads.await;
            let consent = consent?;
            let may_know = |id| present.contains(&id) || consent.may_know(id);
            let mentioned = mentioned.resolve(may_know)?;
            let new: BTreeSet<_> = mentioned.difference(present).copied().collect();
            let all: BTreeSet<_> = present.union(&new).copied().collect();
            check_size(&all)?;
            let added = u64::try_from(new.len()).map_err(Error::internal)?;
            let newest = newest?;
            let floor = newest.as_ref().map(|newest| newest.created_at);
            let floor = floor.unwrap_or(conversation.created_at);
            let joined_at = self.clock.now().max(floor);
            consent.ensure_given_by(&new)?;
            let count = self.count_usage(contact, &GROWTH, usage?, [0, added])?;
            let membership = membership?.ok_or(Error::ConversationNotFound)?;
            let pending = consent.pending(&new, all.len());
            let conversation = ConversationItem {
                pending: conversation.pending.union(&pending).copied().collect(),
                participants: all,
                ..conversation
            };
            let joining = NewParticipants { new, pending };
            match self
                .write_new_participants(&conversation, contact, &joining, joined_at, count)
                .await?
            {
                Added::All => {
                    let pairs = joining.acquainted_with(&conversation);
                    self.record_acquaintances_or_log(id, &pairs).await;
                    return self
                        .render_conversation(conversation, membership, newest)
                        .await;
                }
                Added::RefusedBy(other) => {
                    let profile = consent.profiles.get(&other);
                    let username = profile.and_then(Profile::username).unwrap_or_default();
                    return Err(Error::NotAcceptingMessages {
                        username: Some(username.to_owned()),
                    });
                }
                Added::Conflict => {
                    backoff
                        .wait("the participants, or the quota, keep changing")
                        .await?;
                }
            }
        }
    }

    /// One transaction.
    async fn write_new_participants(
        &self,
        conversation: &ConversationItem,
        caller: ContactId,
        joining: &NewParticipants,
        joined_at: Micros,
        count: Option<TransactWriteItem>,
    ) -> Result<Added> {
        let NewParticipants { new, pending } = joining;
        if new.is_empty() {
            return Ok(Added::All);
        }
        let room = MAX_PARTICIPANTS - new.len();
        let expression = if pending.is_empty() {
            "ADD participants :new"
        } else {
            "ADD participants :new, pending :pending"
        };
        let update = Update::new(
            &self.tables.conversations,
            key(conversation.id),
            expression,
            "contains(participants, :caller) AND size(participants) <= :room",
        )
        .value(":new", string_set_attr(new))
        .value(":caller", string_attr(caller))
        .value(
            ":room",
            number_attr(room.try_into().map_err(Error::internal)?),
        );
        let update = if pending.is_empty() {
            update
        } else {
            update.value(":pending", string_set_attr(pending))
        };
        let mut items = vec![update.into_transaction_item()?];
        items.extend(self.membership_puts_unless_declined(conversation, new, joined_at, caller)?);
        items.extend(count);
        match transact(&self.db, items).await? {
            Transaction::Committed => Ok(Added::All),
            Transaction::ConditionsFailed(failed) => {
                let failed = failed.into_iter().filter_map(|index| index.checked_sub(1));
                for contact in failed.filter_map(|index| new.iter().nth(index)) {
                    if self
                        .ended_membership(*contact, conversation.id)
                        .await?
                        .is_some()
                    {
                        return Ok(Added::RefusedBy(*contact));
                    }
                }
                Ok(Added::Conflict)
            }
        }
    }
}

/// Contacts that become participants.
struct NewParticipants {
    new: BTreeSet<ContactId>,
    /// Those of them who have to accept.
    pending: BTreeSet<ContactId>,
}

impl NewParticipants {
    /// The new pairs of participants who have accepted.
    fn acquainted_with(&self, conversation: &ConversationItem) -> BTreeSet<(ContactId, ContactId)> {
        let is_new = |id| self.new.contains(&id) && !self.pending.contains(&id);
        let pairs = pairs_among(&conversation.accepted()).into_iter();
        pairs.filter(|&(a, b)| is_new(a) || is_new(b)).collect()
    }
}

/// What came of adding participants.
enum Added {
    All,
    /// This contact left or declined the conversation within the last day.
    RefusedBy(ContactId),
    /// The participants have changed.
    Conflict,
}
