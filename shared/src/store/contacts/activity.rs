//! When a contact was last active: written at most once a minute, beside whatever else a request does.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use serde::Deserialize;

use crate::error::{Result, chain};
use crate::id::ContactId;
use crate::store::{Store, n, read, s};
use crate::time::Micros;

/// How exact `last_active_at` is, in microseconds.
const A_MINUTE: u64 = 60_000_000;

/// How long a request waits for it to be written.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many contacts one instance of a function remembers.
const MAX_REMEMBERED: usize = 10_000;

/// Whose activity this instance knows to be written, and of when.
#[derive(Debug, Default)]
pub struct Activity(Mutex<HashMap<ContactId, Micros>>);

impl Activity {
    fn is_known(&self, contact: ContactId, now: Micros) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = known.get(&contact);
        last.is_some_and(|last| now.0.saturating_sub(last.0) < A_MINUTE)
    }

    fn know(&self, contact: ContactId, moment: Micros) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() == MAX_REMEMBERED {
            known.clear();
        }
        known.insert(contact, moment);
    }
}

impl Store {
    /// Writes down that a contact is active, if that is not known of this minute.
    ///
    /// That it cannot be written is for the log, and no reason to refuse a request.
    pub(crate) async fn is_active(&self, contact: ContactId) {
        let now = self.clock.now();
        if self.activity.is_known(contact, now) {
            return;
        }
        match tokio::time::timeout(PATIENCE, self.write_activity(contact, now)).await {
            Ok(Ok(moment)) => self.activity.know(contact, moment),
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "activity is not written"),
            Err(late) => tracing::warn!(error = chain(&late), "activity is not written"),
        }
    }

    /// The moment that is written now: another instance may have been faster.
    async fn write_activity(&self, contact: ContactId, now: Micros) -> Result<Micros> {
        #[derive(Deserialize)]
        struct Row {
            last_active_at: Option<Micros>,
        }
        let update = self
            .db
            .update_item()
            .table_name(&self.tables.contacts)
            .key("id", s(contact))
            .update_expression("SET last_active_at = :now")
            .condition_expression(
                "attribute_exists(username) \
                 AND (attribute_not_exists(last_active_at) OR last_active_at <= :minute_ago)",
            )
            .expression_attribute_values(":now", n(now.0))
            .expression_attribute_values(":minute_ago", n(now.0.saturating_sub(A_MINUTE)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = update.send().await else {
            return Ok(now);
        };
        let Some(UpdateItemError::ConditionalCheckFailedException(failed)) =
            error.as_service_error()
        else {
            return Err(error.into());
        };
        let row: Option<Row> = failed.item.clone().map(read).transpose()?;
        Ok(row.and_then(|row| row.last_active_at).unwrap_or(now))
    }
}
