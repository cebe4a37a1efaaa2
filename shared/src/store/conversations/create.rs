//! Creating a conversation: one transaction writes the conversation and a membership per participant.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::TransactWriteItem;
use futures_util::future::{join, try_join};

use super::ConversationView;
use crate::caller::Caller;
use crate::conversation::{Conversation, MAX_PARTICIPANTS, Name, Participants};
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId};
use crate::metadata::Metadata;
use crate::store::Store;
use crate::store::acquaintances::pairs_among;
use crate::store::displayed::Displayed;
use crate::store::dynamodb::item::from_item;
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::put_new;
use crate::store::items::conversation::{ConversationItem, PairItem, pair_id, pair_key};
use crate::store::items::read_log::ReadLog;
use crate::store::quotas::GROWTH;

/// A conversation to be created.
#[derive(Debug)]
pub struct NewConversation {
    /// The participants besides the caller.
    pub participants: Participants,
    /// Its name, if it has one.
    pub name: Option<Name>,
    /// Its metadata.
    pub metadata: Metadata,
}

/// The result of creating a conversation.
#[derive(Debug)]
pub enum CreatedConversation {
    /// A new conversation.
    New(Conversation),
    /// The unnamed conversation that the two contacts already have.
    Existing(Conversation),
}

impl Store {
    /// Creates a conversation of the caller and others, or returns the unnamed conversation that the two
    /// already have. Four round trips: token ‖ usernames ‖ the caller's counters; contacts ‖ acquaintances;
    /// transaction; acquaintances.
    ///
    /// # Errors
    ///
    /// [`Error::MentionNotFound`]; [`Error::InvalidParticipantCount`]; [`Error::NotAcceptingMessages`] and
    /// [`Error::QuotaExceeded`], unless the two have a conversation.
    pub async fn create_conversation(
        &self,
        caller: &Caller,
        new: NewConversation,
    ) -> Result<CreatedConversation> {
        let mentions = new.participants.as_slice();
        let reads = try_join(
            self.find_mentioned(mentions, caller),
            self.load_usage(caller, &GROWTH),
        );
        let read = self.authenticate_and(caller, reads);
        let (contact, (mentioned, mut usage)) = read.await?;
        let mut candidates = mentioned.candidates();
        candidates.remove(&contact);
        let mut consent = self.consent_of(&candidates, contact, caller).await?;
        let may_know = |id| id == contact || consent.may_know(id);
        let mut others = mentioned.resolve(may_know)?;
        others.remove(&contact);
        let mut participants = others.clone();
        participants.insert(contact);
        let added = u64::try_from(others.len()).map_err(Error::internal)?;
        let mut conversation = ConversationItem {
            id: ConversationId::random(),
            pair: pair_id(&participants).filter(|_| new.name.is_none()),
            was_of_two: None,
            pending: consent.pending(&others, participants.len()),
            participants,
            name: new.name.map(Into::into),
            metadata: new.metadata,
            creator: Some(contact),
            pinned_messages: BTreeSet::new(),
            closed_at: None,
            closed_by: None,
            read_log: ReadLog::default(),
            created_at: self.clock.now(),
        };
        if conversation.pair.is_none() {
            consent.ensure_given_by(&others)?;
        }
        let mut backoff = Backoff::default();
        loop {
            let allowed = consent
                .ensure_given_by(&others)
                .and_then(|()| self.count_usage(contact, &GROWTH, usage, [1, added]));
            let is_written = match &allowed {
                Ok(count) => {
                    self.write_conversation(&conversation, count.clone())
                        .await?
                }
                Err(_) => false,
            };
            if is_written {
                let pairs = pairs_among(&conversation.accepted());
                self.record_acquaintances_or_log(conversation.id, &pairs)
                    .await;
                let view = ConversationView::new(conversation, contact);
                let conversation = view.render(contact, &Displayed::new(consent.profiles, None));
                return Ok(CreatedConversation::New(conversation));
            }
            if let Some(existing) = self.existing_conversation(&conversation, contact).await? {
                return Ok(CreatedConversation::Existing(existing));
            }
            allowed?;
            backoff
                .wait("the existing conversation of the two, or the quota, keeps changing")
                .await?;
            let reads = try_join(
                self.load_usage(caller, &GROWTH),
                self.consent_of(&others, contact, caller),
            );
            (usage, consent) = reads.await?;
            conversation.pending = consent.pending(&others, conversation.participants.len());
        }
    }

    /// Writes a conversation, its memberships and the count of the quotas. Returns false if the conversation or
    /// its pair exists, or if the counters have changed.
    pub(in crate::store) async fn write_conversation(
        &self,
        conversation: &ConversationItem,
        count: Option<TransactWriteItem>,
    ) -> Result<bool> {
        check_size(&conversation.participants)?;
        let table = &self.tables.conversations;
        let mut items = vec![put_new(table, "id", conversation)?];
        if let Some(id) = conversation.pair.clone() {
            let pair = PairItem {
                id,
                conversation_id: conversation.id,
            };
            items.push(put_new(table, "id", &pair)?);
        }
        items.extend(self.membership_puts(
            conversation,
            &conversation.participants,
            conversation.created_at,
            conversation.creator,
        )?);
        items.extend(count);
        self.transact(items).await
    }

    /// The conversation that the two participants already have, as the caller sees it.
    async fn existing_conversation(
        &self,
        conversation: &ConversationItem,
        caller: ContactId,
    ) -> Result<Option<Conversation>> {
        let Some(pair) = &conversation.pair else {
            return Ok(None);
        };
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.conversations)
            .set_key(Some(pair_key(pair)));
        let Some(item) = get.consistent_read(true).send().await?.item else {
            return Ok(None);
        };
        let id = from_item::<PairItem>(item)?.conversation_id;
        let reads = join(self.load_conversation(id), self.newest_message(id));
        let (existing, newest) = reads.await;
        let view = self.view_conversation(caller, id, existing?, newest?);
        match view.await {
            Ok(existing) => Ok(Some(existing)),
            Err(Error::ConversationNotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A send writes to every participant's inbox in one transaction, which limits their number.
pub fn check_size(participants: &BTreeSet<ContactId>) -> Result<()> {
    let count = participants.len();
    if count > MAX_PARTICIPANTS {
        Err(Error::InvalidParticipantCount { count })
    } else {
        Ok(())
    }
}
