//! How much a contact has created, added and uploaded today (UTC).
//!
//! It is counted in the contact's item, by the transaction that creates, adds or begins an upload: what fails is not
//! counted. An operation reads the counters first, because the first one of a day starts them again. What the
//! operator's server does on behalf of a contact is not counted: it has no quotas.

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::Store;
use super::dynamodb::batch::BatchGet;
use super::dynamodb::item::{Item, number_attr};
use super::dynamodb::update::Update;
use super::items::contact::key;
use super::limits::Limits;
use crate::caller::Caller;
use crate::error::{Error, Quota, Result};
use crate::id::ContactId;
use crate::time::Seconds;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// The attribute of a contact that has what counts towards a quota.
struct Counter {
    attribute: &'static str,
    quota: Quota,
}

/// Two counters of a contact that start again together.
pub struct Counters {
    /// The attribute that has when the day started that they count.
    day: &'static str,
    counters: [Counter; 2],
}

/// The conversations that a contact has created, and the participants that it has added.
pub const GROWTH: Counters = Counters {
    day: "quota_day",
    counters: [
        Counter {
            attribute: "conversations_created",
            quota: Quota::Conversations,
        },
        Counter {
            attribute: "participants_added",
            quota: Quota::Participants,
        },
    ],
};

/// The uploads that a contact has begun, and their bytes.
pub const UPLOADS: Counters = Counters {
    day: "upload_day",
    counters: [
        Counter {
            attribute: "uploads_begun",
            quota: Quota::Uploads,
        },
        Counter {
            attribute: "upload_bytes",
            quota: Quota::UploadBytes,
        },
    ],
};

/// What the counters in a contact's item say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Whether the quotas apply to the caller.
    is_limited: bool,
    /// When the day that they count started.
    day: Option<Seconds>,
    counts: [u64; 2],
}

impl Counters {
    fn read(&self, contact: &Item) -> Usage {
        let number = |attribute: &str| contact.get(attribute)?.as_n().ok()?.parse().ok();
        let count = |counter: &Counter| number(counter.attribute).unwrap_or_default();
        Usage {
            is_limited: true,
            day: number(self.day).map(Seconds),
            counts: self.counters.each_ref().map(count),
        }
    }

    fn are_limited_by(&self, limits: &Limits) -> bool {
        let mut quotas = self.counters.iter();
        quotas.any(|counter| limits.per_day(counter.quota) < u64::MAX)
    }
}

impl Store {
    /// The counters of the caller, who need not be authenticated yet if the token is in the access cache. One
    /// round trip; none without quotas.
    pub(super) async fn load_usage(&self, caller: &Caller, counters: &Counters) -> Result<Usage> {
        if caller.is_server() || !counters.are_limited_by(&self.limits) {
            return Ok(Usage::default());
        }
        let Some(contact) = self.presumed_contact(caller) else {
            return Ok(Usage {
                is_limited: true,
                ..Usage::default()
            });
        };
        let table = &self.tables.contacts;
        let batch = BatchGet::default().keys(table, [key(contact)]);
        let mut items = batch.send(&self.db).await?;
        let contact = items.take_items(table).pop();
        Ok(counters.read(&contact.unwrap_or_default()))
    }

    /// Counts in a transaction what it adds to each of the two counters. None without quotas. The condition fails if
    /// the counters have changed so that they exceed a quota, or if another operation was the first of the day.
    ///
    /// # Errors
    ///
    /// [`Error::QuotaExceeded`].
    pub(super) fn count_usage(
        &self,
        contact: ContactId,
        counters: &Counters,
        usage: Usage,
        added: [u64; 2],
    ) -> Result<Option<TransactWriteItem>> {
        if !usage.is_limited {
            return Ok(None);
        }
        let now = Seconds::from(self.clock.now()).0;
        let today = Seconds(now - now % SECONDS_PER_DAY);
        // The clock of another instance may be ahead.
        let is_counting = usage.day >= Some(today);
        let counts = if is_counting { usage.counts } else { [0; 2] };
        let day = usage.day.filter(|_| is_counting).unwrap_or(today);
        let retry_after = day.0 + SECONDS_PER_DAY - now;
        // The largest count with which the operation stays within the quota.
        let room = |counter: usize| {
            let quota = counters.counters[counter].quota;
            let limit = self.limits.per_day(quota);
            match limit.checked_sub(added[counter]) {
                _ if added[counter] == 0 => Ok(u64::MAX),
                Some(room) if counts[counter] <= room => Ok(room),
                _ => Err(Error::QuotaExceeded {
                    quota,
                    limit,
                    retry_after,
                }),
            }
        };
        let (first_room, second_room) = (room(0)?, room(1)?);
        let [first, second] = counters.counters.each_ref();
        let (first, second, quota_day) = (first.attribute, second.attribute, counters.day);
        let table = &self.tables.contacts;
        let update = if is_counting {
            let expression = format!("ADD {first} :first, {second} :second");
            let condition = format!(
                "{quota_day} = :day AND {first} <= :first_room AND {second} <= :second_room"
            );
            Update::new(table, key(contact), &expression, &condition)
                .value(":first_room", number_attr(first_room))
                .value(":second_room", number_attr(second_room))
        } else {
            let expression =
                format!("SET {quota_day} = :day, {first} = :first, {second} = :second");
            let condition = format!(
                "attribute_exists(id) \
                 AND (attribute_not_exists({quota_day}) OR {quota_day} < :day)"
            );
            Update::new(table, key(contact), &expression, &condition)
        };
        let update = update
            .value(":day", number_attr(day.0))
            .value(":first", number_attr(added[0]))
            .value(":second", number_attr(added[1]));
        update.into_transaction_item().map(Some)
    }
}
