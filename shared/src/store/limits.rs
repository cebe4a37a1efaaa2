//! How much a contact or a server key may use: parameters of the template, which the functions get as environment variables.

use std::time::Duration;

use crate::error::{Cause, Quota};

/// The limits per contact, and per server key. By default there are none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// What the requests of a contact may consume.
    pub budget: Budget,
    /// What the requests of a server key may consume.
    pub key_budget: Budget,
    /// How many conversations a contact may create per day; 0 means no limit.
    pub conversations_per_day: u64,
    /// How many participants a contact may add per day, those of new conversations included; 0 means no limit.
    pub participants_per_day: u64,
    /// How many uploads a contact may begin per day; 0 means no limit.
    pub uploads_per_day: u64,
    /// How many bytes the uploads may have that a contact begins per day; 0 means no limit.
    pub upload_bytes_per_day: u64,
    /// The largest file, in bytes; 0 means what S3 takes.
    pub max_file_bytes: u64,
}

/// The capacity units that requests may consume in a window of time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    /// Read and write units; 0 means no limit.
    pub units: u64,
    /// The length of the windows, which start at multiples of it since 1970.
    pub window: Duration,
}

impl Limits {
    /// Reads the limits from the variables `BUDGET_UNITS`, `KEY_BUDGET_UNITS` and `BUDGET_WINDOW_MINUTES`, and
    /// `CONVERSATIONS_PER_DAY`, `PARTICIPANTS_PER_DAY`, `UPLOADS_PER_DAY`, `UPLOAD_BYTES_PER_DAY` and `MAX_FILE_BYTES`,
    /// which only the functions have that create, add or upload.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or invalid.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Self, Cause> {
        let number = |name: &str, range: std::ops::RangeInclusive<u64>| -> Result<u64, Cause> {
            let value = var(name);
            let value = value.ok_or_else(|| format!("the environment variable {name} is missing"));
            let number = value?.parse().ok().filter(|number| range.contains(number));
            let (min, max) = range.into_inner();
            let problem = || format!("the environment variable {name} is not {min} to {max}");
            Ok(number.ok_or_else(problem)?)
        };
        let quota = |name: &str| var(name).map_or(Ok(0), |_| number(name, 0..=MAX));
        let window = Duration::from_mins(number("BUDGET_WINDOW_MINUTES", 1..=1440)?);
        let budget = |name: &str| -> Result<Budget, Cause> {
            let units = number(name, 0..=MAX)?;
            Ok(Budget { units, window })
        };
        Ok(Self {
            budget: budget("BUDGET_UNITS")?,
            key_budget: budget("KEY_BUDGET_UNITS")?,
            conversations_per_day: quota("CONVERSATIONS_PER_DAY")?,
            participants_per_day: quota("PARTICIPANTS_PER_DAY")?,
            uploads_per_day: quota("UPLOADS_PER_DAY")?,
            upload_bytes_per_day: quota("UPLOAD_BYTES_PER_DAY")?,
            max_file_bytes: quota("MAX_FILE_BYTES")?,
        })
    }

    /// How many a contact may create or add per day; `u64::MAX` without a limit.
    pub(super) fn per_day(&self, quota: Quota) -> u64 {
        let limit = match quota {
            Quota::Conversations => self.conversations_per_day,
            Quota::Participants => self.participants_per_day,
            Quota::Uploads => self.uploads_per_day,
            Quota::UploadBytes => self.upload_bytes_per_day,
        };
        if limit == 0 { u64::MAX } else { limit }
    }
}

/// The largest value of a limit.
const MAX: u64 = 1_000_000_000_000;
