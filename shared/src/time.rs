//! Timestamps: microseconds in the store, seconds for clients; and the clock.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// The longest time that a request may be in flight. Items older than this are settled.
pub const MAX_IN_FLIGHT: Duration = Duration::from_mins(1);

/// Microseconds since 1970, precise enough to order the messages of a conversation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Micros(pub u64);

impl Micros {
    /// The latest moment that a message id can represent (in the year 2398).
    pub const MAX: Self = Self(62_u64.pow(9) - 1);

    /// The moment that is `duration` earlier, but not before 1970.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// The moment that is `duration` later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

/// Unix seconds, which clients see and send.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Seconds(pub u64);

impl From<Micros> for Seconds {
    fn from(micros: Micros) -> Self {
        Self(micros.0 / 1_000_000)
    }
}

impl From<Seconds> for Micros {
    /// The first microsecond of the second; at most [`Micros::MAX`].
    fn from(seconds: Seconds) -> Self {
        Self(seconds.0.saturating_mul(1_000_000).min(Micros::MAX.0))
    }
}

/// A moment that a list is limited to: Unix seconds until the end of the year 9999.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u64")]
pub struct TimeBound(Seconds);

impl TimeBound {
    /// The last second of the year 9999, UTC.
    const MAX: u64 = 253_402_300_799;
}

/// The number is not such a moment. It may be in milliseconds.
#[derive(Debug, thiserror::Error)]
#[error("must be Unix seconds, at most {max} (the end of the year 9999)", max = TimeBound::MAX)]
pub struct InvalidTimeBound;

impl TryFrom<u64> for TimeBound {
    type Error = InvalidTimeBound;

    fn try_from(seconds: u64) -> Result<Self, InvalidTimeBound> {
        if seconds <= Self::MAX {
            Ok(Self(Seconds(seconds)))
        } else {
            Err(InvalidTimeBound)
        }
    }
}

impl From<TimeBound> for Micros {
    fn from(bound: TimeBound) -> Self {
        bound.0.into()
    }
}

/// The clock of the host, or another one in tests.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Micros + Send + Sync>);

impl Clock {
    /// The clock of the host.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|| {
            let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
            Micros(micros.min(Micros::MAX.0))
        })
    }

    /// A clock that returns the result of `now`.
    pub fn new(now: impl Fn() -> Micros + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Micros {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now().0)
    }
}
