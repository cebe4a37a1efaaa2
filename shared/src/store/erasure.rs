//! Erasing a contact with everything that it wrote or owns, in steps that can be interrupted and repeated.
//!
//! The contact is suspended first, so that it can do nothing any more. Then the tables are read, stage by stage, and
//! what refers to the contact is erased ([`Stage`]). That is a pass. Passes are repeated until one has found nothing:
//! this is the proof that nothing remains. One transaction then deletes the contact itself, so that until then it can
//! be named by its id and its external id.
//!
//! A conversation without other participants is deleted, too. Conversations keep the id of their creator, and the
//! messages that the contact has read stay marked as read.

mod content;
mod erased;
mod participation;
mod profile;
mod stage;

use serde::{Deserialize, Serialize};

pub use erased::{Erased, Kind};
pub use stage::Stage;

use super::Store;
use super::cleanup::{CleanupLimit, Progress};
use super::dynamodb::batch::BatchGet;
use super::dynamodb::item::{Item, from_item, number_attr};
use super::dynamodb::transaction::{Transaction, delete, delete_if, put_if, put_new, transact};
use super::items::contact::ContactItem;
use super::items::erasure::{self, ErasureItem};
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::time::Micros;
use stage::StagePage;

/// How far the erasure of a contact is.
#[derive(Clone, Debug)]
pub struct Erasure {
    contact: ContactId,
    stage: Stage,
    /// The key of the item after which the stage goes on.
    position: Option<Item>,
    /// When this pass began; before the first one, when the erasure was stored.
    began_at: Micros,
    /// How many items this pass has found.
    found: u64,
    /// When a pass has found some last.
    found_at: Option<Micros>,
    /// The contact when this pass began, if it exists.
    known: Option<KnownContact>,
    erased: Erased,
    /// Of its item, if it is stored.
    revision: Option<u64>,
}

/// What must not change of a contact during a pass.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct KnownContact {
    username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    suspended_at: Option<Micros>,
}

impl From<&ContactItem> for KnownContact {
    fn from(contact: &ContactItem) -> Self {
        Self {
            username: contact.username.clone(),
            external_id: contact.external_id.as_ref().map(ToString::to_string),
            suspended_at: contact.suspended_at,
        }
    }
}

/// What came of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    /// The progress has to be stored.
    Erased,
    /// There was nothing to erase. An interrupted request may as well repeat it.
    Read,
    /// The contact is erased.
    Finished,
    /// Nothing can be done yet, or another request has just done the same.
    Stopped,
}

impl Erasure {
    /// An erasure that has not begun.
    ///
    /// # Errors
    ///
    /// [`Error::ContactNotFound`] for the operator, who owns webhooks under the id of no contact.
    pub(super) fn of(contact: ContactId) -> Result<Self> {
        if contact == ContactId::OPERATOR {
            return Err(Error::ContactNotFound);
        }
        Ok(Self {
            contact,
            stage: Stage::FIRST,
            position: None,
            began_at: Micros(0),
            found: 0,
            found_at: None,
            known: None,
            erased: Erased::default(),
            revision: None,
        })
    }

    /// What has been erased so far.
    pub(super) fn into_erased(self) -> Erased {
        self.erased
    }

    /// Whether requests continue it. Otherwise one call does everything, which cannot wait.
    fn is_stored(&self) -> bool {
        self.revision.is_some()
    }

    fn begin_pass(&mut self, known: Option<KnownContact>, now: Micros) {
        self.began_at = now;
        self.stage = Stage::FIRST;
        self.position = None;
        self.found = 0;
        self.known = known;
    }
}

impl Store {
    /// The stored erasure of a contact, or a new one, which is stored at once. `None` if another request has just
    /// begun it. One or two round trips.
    pub(super) async fn open_erasure(&self, contact: ContactId) -> Result<Option<Erasure>> {
        let table = &self.tables.contacts;
        let batch = BatchGet::default().keys(table, [erasure::key(contact)]);
        let item = batch.send(&self.db).await?.take_items(table).pop();
        let mut erasure = Erasure::of(contact)?;
        if let Some(item) = item {
            let item: ErasureItem = from_item(item)?;
            return Ok(Some(Erasure {
                stage: item.stage,
                position: item.position.map(Into::into),
                began_at: item.began_at,
                found: item.found,
                found_at: item.found_at,
                known: item.known,
                erased: item.erased,
                revision: Some(item.revision),
                ..erasure
            }));
        }
        erasure.revision = Some(0);
        erasure.began_at = self.clock.now();
        let put = put_new(table, "id", &erasure.to_item(self.clock.now()))?;
        Ok(self.transact(vec![put]).await?.then_some(erasure))
    }

    /// Erases until everything is erased, or the limit is reached. If the erasure is stored, so is its progress.
    pub(super) async fn continue_erasure(
        &self,
        erasure: &mut Erasure,
        limit: CleanupLimit,
    ) -> Result<Progress> {
        let mut contact = self.suspend_for_erasure(erasure.contact).await?;
        loop {
            let step = self.erase_step(erasure, contact.as_ref(), limit).await?;
            let is_over = limit.is_reached() || step == Step::Stopped;
            if step == Step::Finished {
                return Ok(Progress::Finished);
            }
            let is_saved = match step {
                Step::Read if !is_over => true,
                _ => self.save_erasure(erasure).await?,
            };
            if is_over || !is_saved {
                return Ok(Progress::Unfinished);
            }
            if erasure.stage == Stage::Contact {
                contact = self.suspend_for_erasure(erasure.contact).await?;
            }
        }
    }

    /// Erases what a page has, or ends the erasure. Begins another pass first if the last one is no proof.
    async fn erase_step(
        &self,
        erasure: &mut Erasure,
        contact: Option<&ContactItem>,
        limit: CleanupLimit,
    ) -> Result<Step> {
        let now = self.clock.now();
        let known = contact.map(KnownContact::from);
        let found_some = erasure.stage == Stage::Contact && erasure.found > 0;
        // It may have been unsuspended meanwhile, or renamed.
        if erasure.known != known || found_some {
            erasure.begin_pass(known, now);
            self.erase_page(erasure, limit).await?;
            return Ok(Step::Erased);
        }
        if erasure.stage != Stage::Contact {
            return self.erase_page(erasure, limit).await;
        }
        // Its last requests, and those of others that knew it as a participant, may have written something after this
        // pass had read it.
        let suspended_at = known.and_then(|known| known.suspended_at);
        let last = suspended_at.map(|at| erasure.found_at.map_or(at, |found_at| found_at.max(at)));
        let settled = last.map(|at| at.after(self.timeouts.in_flight));
        match settled.filter(|&settled| erasure.is_stored() && settled > erasure.began_at) {
            Some(settled) if settled > now => Ok(Step::Stopped),
            Some(_) => {
                erasure.begin_pass(erasure.known.clone(), now);
                Ok(Step::Erased)
            }
            None => self.erase_contact_item(erasure, contact).await,
        }
    }

    /// Erases what a page of a table has of the contact, or the first part of it.
    async fn erase_page(&self, erasure: &mut Erasure, limit: CleanupLimit) -> Result<Step> {
        let stage = erasure.stage;
        let Some(source) = stage.source(&self.tables) else {
            return Err(Error::internal("the last stage of an erasure has no pages"));
        };
        let position = erasure.position.clone();
        let page = self.stage_page(stage, &source, erasure.contact, position);
        let StagePage { mut found, next } = page.await?;
        // They are deleted with the contact.
        found.retain(|item| !erasure.is_own_name(item));
        for items in found.chunks(stage.step()) {
            let progress = self.erase_items(erasure, items, limit).await?;
            // Also what could not be erased: the next pass finds it again.
            erasure.found += items.len() as u64;
            erasure.found_at = Some(self.clock.now());
            if progress == Progress::Unfinished {
                return Ok(Step::Erased);
            }
            erasure.position = items.last().map(|item| source.key_of(item));
            if limit.is_reached() {
                return Ok(Step::Erased);
            }
        }
        if next.is_none() {
            erasure.stage = stage.next();
        }
        erasure.position = next;
        Ok(if found.is_empty() {
            Step::Read
        } else {
            Step::Erased
        })
    }

    /// Erases items that a stage has found. Unfinished if the same items have to be erased again.
    async fn erase_items(
        &self,
        erasure: &mut Erasure,
        items: &[Item],
        limit: CleanupLimit,
    ) -> Result<Progress> {
        let contact = erasure.contact;
        let erased = &mut erasure.erased;
        match erasure.stage {
            Stage::Tokens => self.erase_listed_tokens(items, erased).await?,
            Stage::UnlistedTokens => {
                let keys = self.delete_found(erasure.stage, items);
                erased.add(Kind::Tokens, keys.await?);
            }
            Stage::Listener | Stage::Feed => {
                let deleted = self.delete_found(erasure.stage, items).await?;
                erased.add(Kind::Feed, deleted);
            }
            Stage::Webhooks => {
                return self.erase_webhooks(items, erased, limit).await;
            }
            Stage::Edits => {
                let keys = self.delete_found(erasure.stage, items);
                erased.add(Kind::Edits, keys.await?);
            }
            Stage::Messages => self.erase_messages(contact, items, erased).await?,
            Stage::Attachments => self.erase_attachments(items, erased).await?,
            Stage::IdempotencyKeys => {
                let keys = self.delete_found(erasure.stage, items);
                erased.add(Kind::IdempotencyKeys, keys.await?);
            }
            Stage::InboxEntries => {
                let entries = self.delete_found(erasure.stage, items);
                erased.add(Kind::InboxEntries, entries.await?);
            }
            Stage::Conversations => {
                for item in items {
                    let conversation = self.erase_from_conversation(contact, item, erased, limit);
                    if conversation.await? == Progress::Unfinished {
                        return Ok(Progress::Unfinished);
                    }
                }
            }
            Stage::Reads => self.erase_reads(contact, items, erased).await?,
            Stage::Memberships => {
                return self.erase_memberships(contact, items, erased, limit).await;
            }
            Stage::Acquaintances => {
                let keys = self.delete_found(erasure.stage, items);
                erased.add(Kind::Acquaintances, keys.await?);
            }
            Stage::Reports => {
                erased.add(Kind::Reports, self.erase_reports(items).await?);
            }
            Stage::Contacts => self.erase_from_contacts(contact, items, erased).await?,
            Stage::Contact => {}
        }
        Ok(Progress::Finished)
    }

    /// One transaction deletes the contact, its username, its external id, and how far the erasure was. Without a
    /// contact, only the latter.
    async fn erase_contact_item(
        &self,
        erasure: &mut Erasure,
        contact: Option<&ContactItem>,
    ) -> Result<Step> {
        const ERASURE: usize = 0;
        let table = &self.tables.contacts;
        let key = erasure::key(erasure.contact);
        let mut items = vec![match erasure.revision {
            Some(revision) => delete_if(table, key, "revision", number_attr(revision))?,
            None => delete(table, key)?,
        }];
        let mut erased = Erased::default();
        if let Some(contact) = contact {
            items.extend(self.profile_deletes(contact, &mut erased).await?);
        }
        match transact(&self.db, items).await? {
            Transaction::Committed => {
                erasure.erased.merge(&erased);
                Ok(Step::Finished)
            }
            Transaction::ConditionsFailed(failed) if failed.contains(&ERASURE) => Ok(Step::Stopped),
            // The contact has changed: the next pass begins.
            Transaction::ConditionsFailed(_) => {
                erasure.known = None;
                erasure.found += 1;
                Ok(Step::Erased)
            }
        }
    }

    /// Stores the progress, if the erasure is stored. Returns false if another request has stored its own.
    async fn save_erasure(&self, erasure: &mut Erasure) -> Result<bool> {
        let Some(revision) = erasure.revision else {
            return Ok(true);
        };
        erasure.revision = Some(revision + 1);
        let values = [(":revision", number_attr(revision))];
        let item = erasure.to_item(self.clock.now());
        let put = put_if(
            &self.tables.contacts,
            &item,
            "revision = :revision",
            &values,
        )?;
        self.transact(vec![put]).await
    }
}

impl Erasure {
    /// Whether this is the item of the contact's username or of its external id.
    fn is_own_name(&self, item: &Item) -> bool {
        let id = item.get("id").and_then(|id| id.as_s().ok());
        let (Stage::Contacts, Some(id), Some(known)) = (self.stage, id, &self.known) else {
            return false;
        };
        let external_id = id.strip_prefix("external:");
        id.strip_prefix('@') == Some(&known.username.to_lowercase())
            || (external_id.is_some() && external_id == known.external_id.as_deref())
    }

    fn to_item(&self, now: Micros) -> ErasureItem {
        ErasureItem {
            id: erasure::id(self.contact),
            revision: self.revision.unwrap_or_default(),
            stage: self.stage,
            position: self.position.clone().map(Into::into),
            began_at: self.began_at,
            found: self.found,
            found_at: self.found_at,
            known: self.known.clone(),
            erased: self.erased.clone(),
            saved_at: Some(now),
        }
    }
}
