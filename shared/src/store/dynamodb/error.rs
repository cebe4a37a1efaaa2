//! Which SDK errors are temporary.

use std::fmt;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::error::Error;

impl<E, R> From<SdkError<E, R>> for Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: fmt::Debug + Send + Sync + 'static,
{
    /// The SDK has already retried what is worth retrying, so a temporary error means "unavailable".
    fn from(error: SdkError<E, R>) -> Self {
        let is_temporary = match &error {
            SdkError::ServiceError(service) => is_temporary(service.err().code()),
            SdkError::ConstructionFailure(_) => false,
            _ => true,
        };
        if is_temporary {
            Self::Unavailable(error.into())
        } else {
            Self::Internal(error.into())
        }
    }
}

/// Whether DynamoDB reports a temporary problem with this code. An error without a code comes from
/// something between us and DynamoDB, which is temporary, too.
fn is_temporary(code: Option<&str>) -> bool {
    let temporary = [
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
    code.is_none_or(|code| temporary.contains(&code))
}
