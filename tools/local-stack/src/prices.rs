//! What a request costs on AWS: prices of us-east-1 without the free tiers, as in `docs/cost.md`.

/// <https://aws.amazon.com/dynamodb/pricing/on-demand/>
const DOLLARS_PER_MILLION_READ_UNITS: f64 = 0.125;
const DOLLARS_PER_MILLION_WRITE_UNITS: f64 = 0.625;
/// <https://aws.amazon.com/api-gateway/pricing/>, HTTP API
const DOLLARS_PER_MILLION_API_GATEWAY_REQUESTS: f64 = 1.00;
/// <https://aws.amazon.com/lambda/pricing/>
const DOLLARS_PER_MILLION_LAMBDA_REQUESTS: f64 = 0.20;
const DOLLARS_PER_LAMBDA_GB_SECOND: f64 = 0.000_016_666_7;
/// <https://aws.amazon.com/cloudwatch/pricing/>
const DOLLARS_PER_GB_OF_LOGS: f64 = 0.50;

/// As many GB per million requests.
const LOG_KB_PER_REQUEST: f64 = 0.9;

/// Assumed, because the time on this machine is not that on Lambda.
const LAMBDA_SECONDS_PER_REQUEST: f64 = 0.010;

/// `MemorySize` of the functions in template.yaml.
const LAMBDA_GB: f64 = 0.25;

/// Returns the price of a million requests that each consume these capacity units of DynamoDB.
#[must_use]
pub fn dollars_per_million_requests(read_units: f64, write_units: f64) -> f64 {
    let dynamodb =
        read_units * DOLLARS_PER_MILLION_READ_UNITS + write_units * DOLLARS_PER_MILLION_WRITE_UNITS;
    let lambda = DOLLARS_PER_MILLION_LAMBDA_REQUESTS
        + 1e6 * LAMBDA_SECONDS_PER_REQUEST * LAMBDA_GB * DOLLARS_PER_LAMBDA_GB_SECOND;
    let logs = LOG_KB_PER_REQUEST * DOLLARS_PER_GB_OF_LOGS;
    dynamodb + DOLLARS_PER_MILLION_API_GATEWAY_REQUESTS + lambda + logs
}
