//! When attempts are repeated: [the schedule that Standard Webhooks
//! recommends](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md), but for the first
//! repetition, which comes after a minute instead of five seconds.

use std::time::Duration;

/// The least times between the attempts: ten in 75 hours.
const DELAYS: [Duration; 9] = [
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// How many attempts are made.
pub const MAX_ATTEMPTS: usize = DELAYS.len() + 1;

/// After this time, the schedule marks a delivery as failed whose last attempt was interrupted.
const AFTER_LAST_ATTEMPT: Duration = Duration::from_mins(1);

/// How long after an attempt the next one is due, or after the last one, when it has failed: with up to a fifth more, so
/// that what failed together is not repeated together. Never less, so that nothing is lost in three days.
pub fn delay_after(attempts: usize) -> Duration {
    let delay = attempts.checked_sub(1).and_then(|index| DELAYS.get(index));
    let jitter = 1.0 + 0.2 * fastrand::f64();
    delay.copied().unwrap_or(AFTER_LAST_ATTEMPT).mul_f64(jitter)
}
