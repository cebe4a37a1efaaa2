//! How DynamoDB is reached: as Lambda's environment says, over TLS that trusts Amazon's roots alone, and
//! how long it is waited for.

mod pool;
mod tls;

use std::env;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_smithy_types::retry::ReconnectMode;

pub use pool::Pool;

use crate::error::Cause;

/// What Lambda's environment says: region, credentials, `DYNAMODB_ENDPOINT`, and `AWS_CA_BUNDLE` if other
/// roots than Amazon's are to be trusted.
///
/// There is no more to look for there. The SDK's own search, through files, profiles and services, costs
/// a cold function ten million instructions.
pub(super) fn from_env() -> Result<(SdkConfig, Pool), Cause> {
    let endpoint = variable("DYNAMODB_ENDPOINT")?;
    let pool = Pool::new(&endpoint)?;
    let credentials = EnvironmentVariableCredentialsProvider::new();
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .http_client(pool.client());
    Ok((config.build(), pool))
}

fn variable(name: &str) -> Result<String, Cause> {
    env::var(name).map_err(|_| format!("the environment variable {name} is missing").into())
}

/// What passes is tried again at once, at the pace of DynamoDB's milliseconds: up to three times, each
/// time up to twice as late and never half a second. A sick store thus costs a client 4 s at the most for
/// each of the calls that follow each other, and 8 s in all ([`crate::http`]), before Lambda ends the
/// function after 10 (`template.yaml`).
pub(super) fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(4)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_millis(500))
        .with_reconnect_mode(ReconnectMode::ReuseAllConnections) // the pool sees to that
}

/// A retry quota for one store. The SDK's default is one quota for all clients of a region in the process, so
/// that a failing store would leave the others without retries (`docs/decisions/0014-retry-quota.md`).
pub(super) fn retry_quota() -> RetryPartition {
    RetryPartition::custom("store").build()
}

/// DynamoDB answers within milliseconds; what takes seconds is tried again, or given up in time for
/// the client to be told.
pub(super) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(4))
        .build()
}
