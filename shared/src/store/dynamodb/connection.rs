//! How to reach DynamoDB: configuration from the environment, connections, timeouts and retries. And how to get a document
//! from another server (`fetch`), and to post to one (`post`).

mod fetch;
mod pool;
mod post;
#[cfg(test)]
mod testing;
mod tls;

use std::env;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_smithy_types::retry::ReconnectMode;

pub(in crate::store) use fetch::fetch;
pub use pool::Pool;
pub(in crate::store) use post::{Post, PostError, Posted, post};

use crate::error::Cause;

/// Reads region, credentials and `DYNAMODB_ENDPOINT` from the environment, and `AWS_CA_BUNDLE` to trust
/// other root certificates than Amazon's.
///
/// Lambda sets all of these. The SDK's own search through files, profiles and services costs a cold start
/// ten million instructions.
pub fn from_env() -> Result<(SdkConfig, Pool), Cause> {
    from_env_at(variable("DYNAMODB_ENDPOINT")?)
}

/// The same for another endpoint.
pub fn from_env_at(endpoint: String) -> Result<(SdkConfig, Pool), Cause> {
    let pool = Pool::new(&endpoint)?;
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(credentials_from_env())
        .endpoint_url(endpoint)
        .http_client(pool.client());
    Ok((config.build(), pool))
}

/// The credentials in the environment.
pub fn credentials_from_env() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new())
}

/// A variable that the environment must have.
pub fn variable(name: &str) -> Result<String, Cause> {
    env::var(name).map_err(|_| format!("the environment variable {name} is missing").into())
}

/// Up to three retries with exponential backoff, which fits DynamoDB's latency of milliseconds. If DynamoDB
/// is down, each of several sequential calls fails after at most 4 s, and the request after 8 s ([`Timeouts`]).
pub fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(4)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_millis(500))
        .with_reconnect_mode(ReconnectMode::ReuseAllConnections) // the pool closes bad connections
}

/// A retry quota for each store. By default, the SDK has one quota for all clients of a region in the
/// process, so that a failing store would leave the others without retries
/// (`docs/decisions/0014-retry-quota.md`).
pub fn retry_quota() -> RetryPartition {
    RetryPartition::custom("store").build()
}

/// How long to wait for DynamoDB, for S3, and for a whole request.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For one attempt of a call.
    pub attempt: Duration,
    /// For a call with its retries.
    pub call: Duration,
    /// For a request with all its calls.
    pub request: Duration,
    /// For writing when a contact was active and what it has spent, which a request waits for.
    pub activity: Duration,
    /// For one of three attempts of a call to S3.
    pub file: Duration,
    /// After which a request leaves the rest of a cleanup to the next one.
    pub cleanup: Duration,
    /// After which no request of a contact runs any more that has been suspended: that of Lambda, and what clocks may
    /// differ.
    pub in_flight: Duration,
}

impl Default for Timeouts {
    /// DynamoDB responds within milliseconds, so an attempt of 2 s is retried, and a call ends after 4 s. A
    /// request ends after 8 s: Lambda ends the function after 10 s (`template.yaml`), and API Gateway would
    /// then respond without a useful error. S3 responds to `HEAD` within tens of milliseconds.
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(2),
            call: Duration::from_secs(4),
            request: Duration::from_secs(8),
            activity: Duration::from_secs(1),
            file: Duration::from_secs(1),
            cleanup: Duration::from_secs(4),
            in_flight: Duration::from_secs(15),
        }
    }
}

impl Timeouts {
    /// The timeouts of attempts and calls, for the SDK.
    pub(in crate::store) fn config(self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .operation_attempt_timeout(self.attempt)
            .operation_timeout(self.call)
            .build()
    }
}
