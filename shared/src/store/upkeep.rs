//! Upkeep, for operators: what of the tables does not fit together, and how it is mended.
//!
//! Items of several tables belong together, and what wrote them may have stopped half-way. A survey reads
//! all tables, which nothing holds still meanwhile: what is younger than a minute may be in flight and is
//! left alone, and what is found counts only if a second look finds it too. Mending states the condition
//! under which it is right, so what happens meanwhile is not damaged.

mod finding;
mod inspect;
mod mend;
mod snapshot;

use std::collections::BTreeSet;

pub use finding::Finding;

use snapshot::Snapshot;

use super::Store;
use crate::error::Result;

/// All that is there, and what of it does not fit together.
#[derive(Debug)]
pub struct Survey {
    /// How many items each table has.
    pub tables: Vec<(&'static str, usize)>,
    /// All kinds of things that can be wrong, each with what was found of it.
    pub kinds: Vec<(&'static str, Vec<Finding>)>,
}

impl Survey {
    /// All that was found.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.kinds.iter().flat_map(|(_, findings)| findings)
    }
}

impl Store {
    /// Looks through all tables, twice if anything seems wrong; needs memory for the ids of all messages.
    ///
    /// # Errors
    ///
    /// As the store fails.
    pub async fn survey(&self) -> Result<Survey> {
        let first = self.look_through().await?;
        let found: BTreeSet<_> = first.findings().cloned().collect();
        if found.is_empty() {
            return Ok(first);
        }
        let mut second = self.look_through().await?;
        for (_, findings) in &mut second.kinds {
            findings.retain(|finding| found.contains(finding));
        }
        Ok(second)
    }

    async fn look_through(&self) -> Result<Survey> {
        let mut snapshot = Snapshot::new(self.clock.now());
        // In this order nothing that is written in between looks torn: what refers to an item is read after it.
        self.each(&self.tables.contacts, |item| snapshot.contact(item))
            .await?;
        self.each(&self.tables.token_ids, |item| snapshot.listing(item))
            .await?;
        self.each(&self.tables.tokens, |item| snapshot.token(item))
            .await?;
        self.each(&self.tables.conversations, |item| {
            snapshot.conversation(item)
        })
        .await?;
        self.each(&self.tables.memberships, |item| snapshot.membership(item))
            .await?;
        self.each(&self.tables.messages, |item| snapshot.message(item))
            .await?;
        self.each(&self.tables.inbox, |item| snapshot.entry(item))
            .await?;
        Ok(snapshot.survey())
    }
}
