//! Checks that the items of all tables are consistent with each other.
//!
//! A write that was interrupted can leave related items in different tables inconsistent. The check scans
//! all tables while requests go on. It ignores items younger than a minute, whose request may be in
//! flight, and reports an inconsistency only if a second scan finds it, too.

mod attachments;
mod inconsistency;
mod inspect;
mod keys;
mod pins;
mod snapshot;
mod webhooks;

use std::collections::BTreeSet;

pub use inconsistency::{Inconsistency, InconsistentToken};

use snapshot::Snapshot;

use super::Admin;
use crate::error::Result;

/// The result of a check.
#[derive(Debug)]
pub struct Report {
    /// The number of items by table.
    pub tables: Vec<(&'static str, usize)>,
    /// The inconsistencies by kind, including kinds without any.
    pub kinds: Vec<(&'static str, Vec<Inconsistency>)>,
}

impl Report {
    /// All inconsistencies.
    pub fn inconsistencies(&self) -> impl Iterator<Item = &Inconsistency> {
        self.kinds.iter().flat_map(|(_, found)| found)
    }
}

/// The name of a table that is not there, for example when the others have been restored.
const NO_TABLE: &str = "none";

impl Admin {
    /// Scans all tables and lists the files, twice if anything is inconsistent. Needs memory for the ids of all messages.
    pub async fn check(&self) -> Result<Report> {
        let first = self.scan_tables().await?;
        let found: BTreeSet<_> = first.inconsistencies().cloned().collect();
        if found.is_empty() {
            return Ok(first);
        }
        let mut second = self.scan_tables().await?;
        for (_, inconsistencies) in &mut second.kinds {
            inconsistencies.retain(|inconsistency| found.contains(inconsistency));
        }
        Ok(second)
    }

    async fn scan_tables(&self) -> Result<Report> {
        let store = &self.store;
        let tables = &store.tables;
        let mut snapshot = Snapshot::new(store.clock.now());
        // In this order, an item that refers to another is read after it, so that concurrent writes do not
        // look inconsistent.
        self.scan(&tables.contacts, |item| snapshot.add_contact(item))
            .await?;
        self.scan(&tables.token_ids, |item| snapshot.add_listing(item))
            .await?;
        self.scan(&tables.tokens, |item| snapshot.add_token(item))
            .await?;
        self.scan(&tables.conversations, |item| {
            snapshot.add_conversation(item)
        })
        .await?;
        self.scan(&tables.memberships, |item| snapshot.add_membership(item))
            .await?;
        self.scan(&tables.acquaintances, |item| {
            snapshot.add_acquaintance(item)
        })
        .await?;
        self.scan(&tables.messages, |item| snapshot.add_message(item))
            .await?;
        self.scan(&tables.attachments, |item| snapshot.add_attachment(item))
            .await?;
        if let Some(files) = store.files() {
            snapshot.files = Some(files.list(store.timeouts.file).await?.into_iter().collect());
        }
        self.scan(&tables.inbox, |item| snapshot.add_inbox_entry(item))
            .await?;
        self.scan(&tables.edits, |item| snapshot.add_edit(item))
            .await?;
        self.scan(&tables.reads, |item| snapshot.add_reads(item))
            .await?;
        // Without the lists of webhooks, each webhook would look as if it had been deleted.
        if tables.listeners != NO_TABLE {
            self.scan(&tables.webhooks, |item| snapshot.add_webhook(item))
                .await?;
            self.scan(&tables.listeners, |item| snapshot.add_listener(item))
                .await?;
        }
        Ok(snapshot.report())
    }
}
