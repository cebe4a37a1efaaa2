//! What the SDK's failures mean, and how to wait before a next try.

use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::error::{Cause, Error, Result};

impl<E, R> From<SdkError<E, R>> for Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: fmt::Debug + Send + Sync + 'static,
{
    /// The SDK has tried again already where that can help, so what passes by itself is "away".
    fn from(error: SdkError<E, R>) -> Self {
        let passing = match &error {
            SdkError::ServiceError(service) => is_passing(service.err().code()),
            SdkError::ConstructionFailure(_) => false,
            _ => true,
        };
        if passing {
            Self::Unavailable(error.into())
        } else {
            Self::Internal(error.into())
        }
    }
}

/// The codes of DynamoDB for trouble that passes; a code that is missing came from something between.
fn is_passing(code: Option<&str>) -> bool {
    let passing = [
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    ];
    code.is_none_or(|code| passing.contains(&code))
}

/// Waits that double, each shortened by chance so that those who collided part.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    const MAX_TRIES: u32 = 8;
    const FIRST: Duration = Duration::from_millis(10);

    /// Waits before the next try; after the last one, fails with what stood in the way.
    pub(super) async fn wait(&mut self, cause: impl Into<Cause>) -> Result<()> {
        if self.tries == Self::MAX_TRIES {
            return Err(Error::Unavailable(cause.into()));
        }
        let longest = Self::FIRST * 2_u32.pow(self.tries);
        self.tries += 1;
        tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
        Ok(())
    }
}
