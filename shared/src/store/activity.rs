//! When a contact or a server key was last active, written at most once a minute, and when each of its tokens was last used,
//! written with it and otherwise at most once an hour. What the contact has spent is written with both.
//!
//! A JSON Web Token has no id, so nothing is written of it but the first: an attribute for each would grow without bound.
//!
//! The write has one of three forms:
//!
//! | what the instance knows | write | condition |
//! | --- | --- | --- |
//! | nothing is to be flushed | the two moments | one of them is old |
//! | the item has a total of this window | both, and adds to the total | the item has it, or a later one |
//! | otherwise | both, and starts the total | the item has none, or an earlier one |
//!
//! The conditions of the last two exclude each other, so if one fails the other form is sent. Its response has
//! the total: the policies allow an update to return what it has written, and a failed condition to return
//! nothing. If the condition of the first form fails, another instance is active, which has probably started
//! the total: a wrong guess costs a failed write, at most one per instance and window.
//!
//! The SDK must not repeat a write that adds units, because a response may have been lost: such units are
//! counted once or, by other instances, not at all, but never twice.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::config::{self, retry::RetryConfig};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::ReturnValue;
use serde::Deserialize;

use super::Store;
use super::dynamodb::item::{from_item, number_attr};
use super::dynamodb::retry::Backoff;
use super::dynamodb::update::Update;
use super::items::contact::{payer_key, used_attribute};
use super::spending::Flush;
use crate::caller::{Identity, Payer};
use crate::error::{Error, Result, chain};
use crate::id::TokenId;
use crate::log::Meter;
use crate::time::{Micros, Seconds};

/// How old `last_active_at` must be to be written again.
const RESOLUTION: Duration = Duration::from_mins(1);

/// How old `last_used_at` of a token must be to be written again, if the contact is active with other tokens.
const TOKEN_RESOLUTION: Duration = Duration::from_hours(1);

/// The most contacts, and the most tokens, in the cache.
const MAX_CACHED: usize = 10_000;

/// The forms of a flush are sent in turn: one, the other, and again the first if meanwhile another instance has
/// started the total.
const MAX_FLUSHES: u32 = 3;

/// Until when what is stored is recent enough, for all this instance knows.
#[derive(Debug, Default)]
pub struct ActivityCache(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    payers: HashMap<Payer, Micros>,
    tokens: HashMap<TokenId, Micros>,
}

impl ActivityCache {
    fn is_current(&self, caller: Identity, now: Micros) -> bool {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = |until: Option<&Micros>| until.is_some_and(|&until| until > now);
        is_current(entries.payers.get(&caller.payer()))
            && caller
                .token
                .is_none_or(|token| is_current(entries.tokens.get(&token)))
    }

    /// Records a write, or that it was not needed: then the token may have to be written in a minute.
    fn insert(&self, caller: Identity, now: Micros, was_written: bool) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        insert(&mut entries.payers, caller.payer(), now.after(RESOLUTION));
        let resolution = if was_written {
            TOKEN_RESOLUTION
        } else {
            RESOLUTION
        };
        if let Some(token) = caller.token {
            insert(&mut entries.tokens, token, now.after(resolution));
        }
    }
}

fn insert<K: Eq + Hash>(cache: &mut HashMap<K, Micros>, key: K, until: Micros) {
    if cache.len() == MAX_CACHED {
        cache.clear();
    }
    cache.insert(key, until);
}

/// What a flush returns: what it has written.
#[derive(Deserialize)]
struct Flushed {
    /// When the window of `spent` started. Not before that of the flush.
    budget_window: Option<Seconds>,
    /// What all instances have flushed in that window.
    spent: u64,
}

impl Store {
    /// Sets `last_active_at` of the contact and `last_used_at` of the token to now, unless the first is less
    /// than a minute old and the second less than an hour, and flushes what the contact has spent. Does
    /// nothing for a contact over its budget.
    ///
    /// Failures are logged and do not fail the request.
    pub(crate) async fn record_activity(&self, caller: Identity) {
        let now = self.clock.now();
        let is_over_budget = self.check_budget(caller.payer()).is_err();
        if !is_over_budget && !self.activity_cache.is_current(caller, now) {
            self.try_write_activity(caller, now).await;
        }
    }

    /// Adds the units of a request to what the contact has spent. Flushes that if it is due.
    ///
    /// Failures are logged and do not fail the request.
    pub(crate) async fn record_units(&self, caller: Identity, meter: &Meter) {
        let now = self.clock.now();
        let units = meter.units();
        self.spending.spend(caller.payer(), units, now);
        if self.spending.is_flush_due(caller.payer(), now) {
            meter.measure(self.try_write_activity(caller, now)).await;
            let units = meter.units() - units;
            self.spending.spend(caller.payer(), units, now);
        }
    }

    async fn try_write_activity(&self, caller: Identity, now: Micros) {
        let write = self.write_activity(caller, now);
        let problem = match tokio::time::timeout(self.timeouts.activity, write).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => chain(&error),
            Err(timeout) => chain(&timeout),
        };
        tracing::warn!(error = problem, "failed to write last_active_at");
    }

    async fn write_activity(&self, caller: Identity, now: Micros) -> Result<()> {
        let payer = caller.payer();
        let mut backoff = Backoff::default();
        let mut failed = 0;
        while let Some(flush) = self.spending.take_pending(payer, now) {
            let error = match self.send_flush(caller, flush, now).await {
                Ok(output) => return self.record_flushed(caller, flush, output, now),
                Err(error) => error,
            };
            if is_refused(&error) {
                self.spending.undo(payer, flush, now);
            }
            match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => {
                    failed += 1;
                    if failed == MAX_FLUSHES {
                        // The contact has been erased.
                        return Ok(());
                    }
                    let is_stored = !flush.is_stored;
                    self.spending.expect_stored(payer, is_stored, now);
                }
                Some(UpdateItemError::TransactionConflictException(_)) => {
                    backoff.wait(error).await?;
                }
                _ => return Err(error.into()),
            }
        }
        self.write_moments(caller, now).await
    }

    /// Writes the moments alone, if one of them is old.
    async fn write_moments(&self, caller: Identity, now: Micros) -> Result<()> {
        let hour_ago = Seconds::from(now.before(TOKEN_RESOLUTION));
        let (expression, condition) = match caller.token {
            Some(_) => (
                "SET last_active_at = :now, #used = :seconds",
                "attribute_exists(id) \
                 AND (attribute_not_exists(last_active_at) OR last_active_at <= :minute_ago \
                 OR attribute_not_exists(#used) OR #used <= :hour_ago)",
            ),
            None => (
                "SET last_active_at = :now",
                "attribute_exists(id) \
                 AND (attribute_not_exists(last_active_at) OR last_active_at <= :minute_ago)",
            ),
        };
        let key = payer_key(caller.payer());
        let update = Update::new(&self.tables.contacts, key, expression, condition);
        let update = update
            .value(":now", number_attr(now.0))
            .value(":minute_ago", number_attr(now.before(RESOLUTION).0));
        let update = match caller.token {
            Some(token) => update
                .name("#used", &used_attribute(token))
                .value(":seconds", number_attr(Seconds::from(now).0))
                .value(":hour_ago", number_attr(hour_ago.0)),
            None => update,
        };
        let was_written = update.send(&self.db).await?;
        self.activity_cache.insert(caller, now, was_written);
        if !was_written {
            self.spending.expect_stored(caller.payer(), true, now);
        }
        Ok(())
    }

    /// Writes the moments, and adds units to the total or starts it.
    async fn send_flush(
        &self,
        caller: Identity,
        flush: Flush,
        now: Micros,
    ) -> Result<UpdateItemOutput, SdkError<UpdateItemError>> {
        let (expression, condition) = if flush.is_stored {
            // The window is set to what it is, so that the response has it.
            (
                "budget_window = budget_window ADD spent :units",
                "budget_window >= :window",
            )
        } else {
            (
                "budget_window = :window, spent = :units",
                "(attribute_not_exists(budget_window) OR budget_window < :window)",
            )
        };
        let update = self.db.update_item().table_name(&self.tables.contacts);
        let used = match caller.token {
            Some(_) => "#used = :seconds, ",
            None => "",
        };
        let update = update
            .set_key(Some(payer_key(caller.payer())))
            .update_expression(format!("SET last_active_at = :now, {used}{expression}"))
            .condition_expression(format!("attribute_exists(id) AND {condition}"))
            .set_expression_attribute_names(
                caller
                    .token
                    .map(|token| HashMap::from([("#used".to_owned(), used_attribute(token))])),
            )
            .expression_attribute_values(":now", number_attr(now.0))
            .expression_attribute_values(":window", number_attr(flush.window.0))
            .expression_attribute_values(":units", number_attr(flush.units))
            .return_values(ReturnValue::UpdatedNew);
        let update = match caller.token {
            Some(_) => {
                let seconds = number_attr(Seconds::from(now).0);
                update.expression_attribute_values(":seconds", seconds)
            }
            None => update,
        };
        let without_retries = config::Builder::new().retry_config(RetryConfig::disabled());
        let update = update.customize().config_override(without_retries);
        update.send().await
    }

    fn record_flushed(
        &self,
        caller: Identity,
        flush: Flush,
        output: UpdateItemOutput,
        now: Micros,
    ) -> Result<()> {
        self.activity_cache.insert(caller, now, true);
        let flushed: Flushed = from_item(output.attributes.unwrap_or_default())?;
        let window = flushed.budget_window.unwrap_or(flush.window);
        self.spending
            .record_total(caller.payer(), window, flushed.spent, now);
        Ok(())
    }

    /// Fails if the contact or the server key has spent its budget, as far as this instance knows.
    pub(super) fn check_budget(&self, payer: Payer) -> Result<()> {
        let now = self.clock.now();
        match self.spending.seconds_over_budget(payer, now) {
            Some(retry_after) => Err(Error::BudgetExceeded { retry_after }),
            None => Ok(()),
        }
    }
}

/// Whether DynamoDB has certainly not executed a write.
fn is_refused(error: &SdkError<UpdateItemError>) -> bool {
    matches!(error, SdkError::ServiceError(service) if service.raw().status().is_client_error())
}
