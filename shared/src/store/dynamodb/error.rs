//! Which SDK errors are temporary.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::error::Error;

impl<E> From<SdkError<E, HttpResponse>> for Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    /// The SDK has already retried what is worth retrying, so a temporary error means "unavailable".
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let is_temporary = match &error {
            SdkError::ServiceError(service) => {
                service.raw().status().is_server_error() || is_temporary(service.err().code())
            }
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

/// Whether DynamoDB reports a temporary problem with this code and a status below 500. An error without a code comes
/// from something between us and DynamoDB, which is temporary, too.
fn is_temporary(code: Option<&str>) -> bool {
    let temporary = [
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    ];
    code.is_none_or(|code| temporary.contains(&code))
}
