//! Microseconds since 1970 in the store, whole seconds for clients, and the clock that tells them.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// Microseconds since 1970: what the store keeps, fine enough to order a conversation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Micros(pub u64);

impl Micros {
    /// The latest moment that a message id can hold (in the year 2398).
    pub const MAX: Self = Self(62_u64.pow(9) - 1);
}

/// Unix seconds: what clients see and send.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Seconds(pub u64);

impl From<Micros> for Seconds {
    fn from(micros: Micros) -> Self {
        Self(micros.0 / 1_000_000)
    }
}

impl From<Seconds> for Micros {
    /// The first microsecond of that second; at most [`Micros::MAX`].
    fn from(seconds: Seconds) -> Self {
        Self(seconds.0.saturating_mul(1_000_000).min(Micros::MAX.0))
    }
}

/// Where "now" comes from: the host's clock, or in tests any other.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Micros + Send + Sync>);

impl Clock {
    /// The clock of the host.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|| {
            let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            Micros(
                u64::try_from(now.as_micros())
                    .unwrap_or(u64::MAX)
                    .min(Micros::MAX.0),
            )
        })
    }

    /// A clock that tells what `now` returns.
    pub fn new(now: impl Fn() -> Micros + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The present moment.
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
