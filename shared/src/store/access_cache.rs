//! Which tokens this instance verified within the last minute, and in which conversations.
//!
//! It decides in which order a request reads, never what it may see. A request of a caller in the cache reads
//! its data in parallel with the token and the conversation. Any other request reads the token first, then
//! the conversation, and its data last, so that it costs 1 read unit without a valid token and 2 if the
//! caller is not a participant, and its duration does not depend on the data. Each request verifies the token
//! and the participation by reads of its own before it returns anything.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Store;
use crate::caller::{Caller, Payer, Principal};
use crate::id::{ContactId, ConversationId};
use crate::time::Micros;

/// How long an entry is valid.
const TTL: Duration = Duration::from_mins(1);

/// The most entries in the cache.
const MAX_ENTRIES: usize = 10_000;

/// A token hash; for a participant, the conversation, and the contact that a server key acts for.
type Key = (String, Option<ConversationId>, Option<ContactId>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    payer: Payer,
    verified_at: Micros,
}

#[derive(Debug, Default)]
pub struct AccessCache(Mutex<HashMap<Key, Entry>>);

impl AccessCache {
    /// Whether the caller was a participant of the conversation within the last minute.
    fn is_participant(&self, caller: &Caller, id: ConversationId, now: Micros) -> bool {
        self.get(&participant_key(caller, id), now).is_some()
    }

    /// Whose budget the caller's requests consume, if its token was valid within the last minute.
    fn payer(&self, caller: &Caller, now: Micros) -> Option<Payer> {
        self.get(&token_key(caller), now)
    }

    pub fn record_token(&self, caller: &Caller, payer: Payer, now: Micros) {
        self.record(token_key(caller), payer, now);
    }

    pub fn record_participant(
        &self,
        caller: &Caller,
        id: ConversationId,
        contact: ContactId,
        now: Micros,
    ) {
        self.record(participant_key(caller, id), Payer::Contact(contact), now);
    }

    /// Forgets that the caller was a participant of the conversation.
    pub fn remove_participant(&self, caller: &Caller, id: ConversationId) {
        self.remove(&participant_key(caller, id));
    }

    /// Forgets that the token was valid.
    pub fn remove_token(&self, caller: &Caller) {
        self.remove(&token_key(caller));
    }

    fn remove(&self, key: &Key) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.remove(key);
    }

    fn get(&self, key: &Key, now: Micros) -> Option<Payer> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(key)?;
        (entry.verified_at > now.before(TTL)).then_some(entry.payer)
    }

    fn record(&self, key: Key, payer: Payer, verified_at: Micros) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_ENTRIES {
            entries.clear();
        }
        entries.insert(key, Entry { payer, verified_at });
    }
}

fn token_key(caller: &Caller) -> Key {
    (caller.token_hash().to_owned(), None, None)
}

fn participant_key(caller: &Caller, id: ConversationId) -> Key {
    let on_behalf_of = match caller.identity().map(|identity| identity.principal) {
        Some(Principal::Server { on_behalf_of, .. }) => on_behalf_of,
        Some(Principal::Contact(_)) | None => None,
    };
    (caller.token_hash().to_owned(), Some(id), on_behalf_of)
}

impl Store {
    /// Whether a request may read its data in parallel with the token and, if it is in a conversation, with
    /// that: if both were verified within the last minute, and the budget is not spent. Never before it is known for
    /// which contact a server key acts.
    pub(super) fn may_read_ahead(&self, caller: &Caller, id: Option<ConversationId>) -> bool {
        if caller.unresolved_contact().is_some() {
            return false;
        }
        let now = self.clock.now();
        let is_authorized = id.is_none_or(|id| self.access_cache.is_participant(caller, id, now));
        let payer = self.access_cache.payer(caller, now);
        is_authorized && payer.is_some_and(|payer| self.check_budget(payer).is_ok())
    }

    /// The contact of the caller; before this request has verified it, as of the access cache.
    pub(super) fn presumed_contact(&self, caller: &Caller) -> Option<ContactId> {
        let cached = || match self.access_cache.payer(caller, self.clock.now())? {
            Payer::Contact(contact) => Some(contact),
            Payer::Key(_) => None,
        };
        caller.contact().or_else(cached)
    }

    /// The contact of the caller, if it was a participant of the conversation within the last minute.
    pub(super) fn presumed_participant(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Option<ContactId> {
        let is_participant = self
            .access_cache
            .is_participant(caller, id, self.clock.now());
        self.presumed_contact(caller).filter(|_| is_participant)
    }
}
