//! What contacts and server keys consume of DynamoDB in a window of time, and whether that is more than their budget.
//!
//! Each instance adds up what it has consumed for a contact, or for a server key, which has an item like that of a
//! contact. It adds that to the total in the contact's item
//! with the write of `last_active_at`, or by a write of its own once it is a hundredth of the budget
//! (`activity`). The response to the write has the total of all instances. So while *n* instances serve a
//! contact and their writes succeed, they spend at most the budget, and *n* times a hundredth of it and one
//! request.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::limits::Budget;
use crate::caller::Payer;
use crate::time::{Micros, Seconds};

/// An instance flushes this fraction of the budget at the latest.
const FLUSHES_PER_BUDGET: u64 = 100;

/// The most contacts of which an instance remembers what they spent.
const MAX_CACHED: usize = 10_000;

#[derive(Debug, Default)]
pub struct Spending {
    /// Of each contact.
    budget: Budget,
    /// Of each server key.
    key_budget: Budget,
    accounts: Mutex<HashMap<Payer, Account>>,
}

/// What a contact has spent in a window, as far as this instance knows.
#[derive(Clone, Copy, Debug)]
struct Account {
    /// When the window started.
    window: Seconds,
    /// Whether the contact's item has the total of this window, as far as this instance can tell.
    is_stored: bool,
    /// What is in that total.
    flushed: u64,
    /// What this instance has still to add to it.
    pending: u64,
}

/// Units to be added to the total in the contact's item.
#[derive(Clone, Copy, Debug)]
pub struct Flush {
    pub window: Seconds,
    /// Whether the contact's item probably has the total of this window, not of an earlier one.
    pub is_stored: bool,
    pub units: u64,
}

impl Spending {
    pub fn new(budget: Budget, key_budget: Budget) -> Self {
        Self {
            budget,
            key_budget,
            accounts: Mutex::default(),
        }
    }

    /// The same budget for an instance that knows nothing yet.
    pub fn as_new_instance(&self) -> Self {
        Self::new(self.budget, self.key_budget)
    }

    /// Adds units to what the contact has spent.
    pub fn spend(&self, payer: Payer, units: u64, now: Micros) {
        self.with_account(payer, now, |account| account.pending += units);
    }

    /// Whether so much is pending that it has to be flushed.
    pub fn is_flush_due(&self, payer: Payer, now: Micros) -> bool {
        let threshold = (self.budget_of(payer).units / FLUSHES_PER_BUDGET).max(1);
        let is_due = |account: &mut Account| account.pending >= threshold;
        self.with_account(payer, now, is_due).unwrap_or_default()
    }

    /// If the contact has spent its budget, the seconds until the window ends.
    pub fn seconds_over_budget(&self, payer: Payer, now: Micros) -> Option<u64> {
        let account = self.with_account(payer, now, |account| *account)?;
        let budget = self.budget_of(payer);
        let end = account.window.0 + budget.window.as_secs();
        let is_over = account.flushed + account.pending >= budget.units;
        is_over.then(|| end.saturating_sub(Seconds::from(now).0).max(1))
    }

    /// Takes what is pending, to flush it. From now on it counts as flushed.
    pub fn take_pending(&self, payer: Payer, now: Micros) -> Option<Flush> {
        let flush = self.with_account(payer, now, |account| {
            let units = std::mem::take(&mut account.pending);
            account.flushed += units;
            Flush {
                window: account.window,
                is_stored: account.is_stored,
                units,
            }
        });
        flush.filter(|flush| flush.units > 0)
    }

    /// Takes back a flush that has not been written.
    pub fn undo(&self, payer: Payer, flush: Flush, now: Micros) {
        self.with_account(payer, now, |account| {
            if account.window == flush.window {
                account.flushed = account.flushed.saturating_sub(flush.units);
                account.pending += flush.units;
            }
        });
    }

    /// Remembers whether the contact's item seems to have the total of this window.
    pub fn expect_stored(&self, payer: Payer, is_stored: bool, now: Micros) {
        self.with_account(payer, now, |account| account.is_stored = is_stored);
    }

    /// Remembers the total of a window that the contact's item has. Ignores an earlier window.
    pub fn record_total(&self, payer: Payer, window: Seconds, total: u64, now: Micros) {
        self.with_account(payer, now, |account| {
            // The clock of another instance may be ahead.
            if window > account.window {
                *account = Account::new(window);
            }
            if window == account.window {
                account.is_stored = true;
                account.flushed = account.flushed.max(total);
            }
        });
    }

    /// The account of the current window; none without a budget. What is pending in an earlier window is
    /// dropped.
    fn with_account<T>(
        &self,
        payer: Payer,
        now: Micros,
        change: impl FnOnce(&mut Account) -> T,
    ) -> Option<T> {
        let budget = self.budget_of(payer);
        if budget.units == 0 {
            return None;
        }
        let now = Seconds::from(now).0;
        let window = Seconds(now - now % budget.window.as_secs());
        let mut accounts = self.lock();
        if accounts.len() >= MAX_CACHED && !accounts.contains_key(&payer) {
            accounts.clear();
        }
        let account = accounts.entry(payer);
        let account = account.or_insert_with(|| Account::new(window));
        if account.window < window {
            *account = Account::new(window);
        }
        Some(change(account))
    }

    fn budget_of(&self, payer: Payer) -> Budget {
        match payer {
            Payer::Contact(_) => self.budget,
            Payer::Key(_) => self.key_budget,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Payer, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn new(window: Seconds) -> Self {
        Self {
            window,
            is_stored: false,
            flushed: 0,
            pending: 0,
        }
    }
}
