//! Retries of what the SDK does not retry.

use std::time::Duration;

use crate::error::{Cause, Error, Result};

/// Exponential backoff with full jitter: 10 ms, then double, eight retries.
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
#[derive(Debug, Default)]
pub struct Backoff {
    retries: u32,
}

impl Backoff {
    const MAX_RETRIES: u32 = 8;
    const BASE: Duration = Duration::from_millis(10);

    /// Waits before the next retry; returns [`Error::Unavailable`] with `cause` when none is left.
    pub async fn wait(&mut self, cause: impl Into<Cause>) -> Result<()> {
        if self.retries == Self::MAX_RETRIES {
            return Err(Error::Unavailable(cause.into()));
        }
        let longest = Self::BASE * 2_u32.pow(self.retries);
        self.retries += 1;
        tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
        Ok(())
    }
}
