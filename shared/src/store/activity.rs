//! `last_active_at`: written at most once a minute per contact.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use serde::Deserialize;

use super::Store;
use super::dynamodb::item::{from_item, number_attr, string_attr};
use crate::error::{Result, chain};
use crate::id::ContactId;
use crate::time::Micros;

/// The resolution of `last_active_at`.
const RESOLUTION: Duration = Duration::from_mins(1);

/// How long a request waits for the write.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The most contacts in the cache.
const MAX_CACHED: usize = 10_000;

/// `last_active_at` by contact, as this instance last wrote or read it.
#[derive(Debug, Default)]
pub struct ActivityCache(Mutex<HashMap<ContactId, Micros>>);

impl ActivityCache {
    fn is_current(&self, contact: ContactId, now: Micros) -> bool {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = cache.get(&contact);
        last.is_some_and(|&last| last > now.before(RESOLUTION))
    }

    fn insert(&self, contact: ContactId, last_active_at: Micros) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() == MAX_CACHED {
            cache.clear();
        }
        cache.insert(contact, last_active_at);
    }
}

impl Store {
    /// Sets `last_active_at` of a contact to now, unless it is less than a minute old.
    ///
    /// Failures are logged and do not fail the request.
    pub(crate) async fn record_activity(&self, contact: ContactId) {
        let now = self.clock.now();
        if self.activity_cache.is_current(contact, now) {
            return;
        }
        match tokio::time::timeout(TIMEOUT, self.write_activity(contact, now)).await {
            Ok(Ok(last_active_at)) => self.activity_cache.insert(contact, last_active_at),
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "failed to write last_active_at");
            }
            Err(timeout) => {
                tracing::warn!(error = chain(&timeout), "failed to write last_active_at");
            }
        }
    }

    /// Returns the value that is stored now: another instance may have written a later one.
    async fn write_activity(&self, contact: ContactId, now: Micros) -> Result<Micros> {
        #[derive(Deserialize)]
        struct Stored {
            last_active_at: Option<Micros>,
        }
        let update = self
            .db
            .update_item()
            .table_name(&self.tables.contacts)
            .key("id", string_attr(contact))
            .update_expression("SET last_active_at = :now")
            .condition_expression(
                "attribute_exists(username) \
                 AND (attribute_not_exists(last_active_at) OR last_active_at <= :minute_ago)",
            )
            .expression_attribute_values(":now", number_attr(now.0))
            .expression_attribute_values(":minute_ago", number_attr(now.before(RESOLUTION).0))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = update.send().await else {
            return Ok(now);
        };
        let Some(UpdateItemError::ConditionalCheckFailedException(failed)) =
            error.as_service_error()
        else {
            return Err(error.into());
        };
        let stored: Option<Stored> = failed.item.clone().map(from_item).transpose()?;
        Ok(stored
            .and_then(|stored| stored.last_active_at)
            .unwrap_or(now))
    }
}
