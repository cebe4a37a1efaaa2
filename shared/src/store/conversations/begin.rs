//! Beginning: one transaction that writes the conversation and a membership for each participant.

use std::collections::BTreeSet;

use futures_util::future::join;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::caller::Caller;
use crate::conversation::{Conversation, MAX_PARTICIPANTS, Name, Participants};
use crate::error::{Error, Invalid, Result};
use crate::id::{ContactId, ConversationId};
use crate::store::failure::Backoff;
use crate::store::write::put;
use crate::store::{Item, Store, memberships, read, s};

/// A conversation to be begun.
#[derive(Debug)]
pub struct NewConversation {
    /// Who takes part beside the caller.
    pub participants: Participants,
    /// What it is called, if anything.
    pub name: Option<Name>,
}

/// What came of it.
#[derive(Debug)]
pub enum Begun {
    /// A conversation that was not there before.
    New(Conversation),
    /// The two contacts have one already.
    Existing(Conversation),
}

/// Which conversation two contacts have.
#[derive(Deserialize, Serialize)]
pub(in crate::store) struct Pair {
    pub id: String,
    pub conversation_id: ConversationId,
}

impl Store {
    /// Begins a conversation of the caller and others, or finds the unnamed one that two have already.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::ContactNotFound`]; [`Error::Invalid`] if they are too many.
    pub async fn begin(&self, caller: &Caller, new: NewConversation) -> Result<Begun> {
        let reads = join(
            self.authenticate(caller),
            self.mentioned(new.participants.as_slice()),
        );
        let (contact, mentioned) = reads.await;
        let contact = contact?;
        let mut participants = mentioned?;
        participants.insert(contact);
        let row = Row {
            id: ConversationId::random(),
            pair: pair(&participants).filter(|_| new.name.is_none()),
            participants,
            name: new.name.map(Into::into),
            creator: Some(contact),
            closed_by: None,
            created_at: self.clock.now(),
        };
        let mut backoff = Backoff::default();
        loop {
            if self.add_conversation_row(&row).await? {
                let membership = memberships::Row::new(contact, row.id, row.created_at);
                let conversation = self.show_conversation(row, membership, None).await?;
                return Ok(Begun::New(conversation));
            }
            if let Some(existing) = self.existing(&row, contact).await? {
                return Ok(Begun::Existing(existing));
            }
            backoff
                .wait("the conversation of these two is just being left")
                .await?;
        }
    }

    /// Adds a conversation with this id, and no messages yet, of these contacts; for operators.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`] if the id is taken, [`Error::Invalid`] if there are too few or too many.
    pub async fn add_conversation(
        &self,
        id: ConversationId,
        participants: BTreeSet<ContactId>,
        name: Option<Name>,
    ) -> Result<()> {
        if participants.is_empty() {
            return Err(too_many(0).into());
        }
        let row = Row {
            id,
            participants,
            name: name.map(Into::into),
            creator: None,
            pair: None,
            closed_by: None,
            created_at: self.clock.now(),
        };
        if self.add_conversation_row(&row).await? {
            Ok(())
        } else {
            Err(Error::AlreadyExists)
        }
    }

    /// Writes a conversation and its memberships, or nothing if it or its pair is there already.
    async fn add_conversation_row(&self, row: &Row) -> Result<bool> {
        check_size(&row.participants)?;
        let table = &self.tables.conversations;
        let mut items = vec![put(table, "id", row)?];
        if let Some(id) = row.pair.clone() {
            let pair = Pair {
                id,
                conversation_id: row.id,
            };
            items.push(put(table, "id", &pair)?);
        }
        items.extend(self.joins(row.id, &row.participants, row.created_at)?);
        Ok(self.transact(items).await?.is_empty())
    }

    /// The conversation that the pair of `row` has already.
    async fn existing(&self, row: &Row, contact: ContactId) -> Result<Option<Conversation>> {
        let Some(pair) = &row.pair else {
            return Err(Error::AlreadyExists);
        };
        let get = self
            .db
            .get_item()
            .table_name(&self.tables.conversations)
            .set_key(Some(pair_key(pair)));
        let Some(item) = get.consistent_read(true).send().await?.item else {
            return Ok(None);
        };
        let id = read::<Pair>(item)?.conversation_id;
        let (row, newest) = join(self.conversation_row(id), self.newest_message(id)).await;
        match self.seen_by(contact, id, row?, newest?).await {
            Ok(conversation) => Ok(Some(conversation)),
            Err(Error::ConversationNotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Few enough that a send is one transaction.
pub(super) fn check_size(participants: &BTreeSet<ContactId>) -> Result<(), Invalid> {
    if participants.len() > MAX_PARTICIPANTS {
        Err(too_many(participants.len()))
    } else {
        Ok(())
    }
}

fn too_many(count: usize) -> Invalid {
    let problem =
        format_args!("a conversation has 1 to {MAX_PARTICIPANTS} participants, not {count}");
    Invalid::value("participants[]", problem)
}

/// The id of the item that says that these two have a conversation; none if they are not two.
fn pair(participants: &BTreeSet<ContactId>) -> Option<String> {
    let [first, second] = *participants.iter().collect::<Vec<_>>() else {
        return None;
    };
    Some(format!("@{first}:{second}"))
}

pub(in crate::store) fn pair_key(pair: &str) -> Item {
    Item::from([("id".to_owned(), s(pair))])
}
