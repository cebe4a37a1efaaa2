//! How DynamoDB is reached: as Lambda's environment says, over TLS that trusts Amazon's roots alone.

use std::env;
use std::fs;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use super::Store;
use super::batch::Batch;
use super::tokens::hash_key;
use crate::error::Cause;

/// The roots of Amazon Trust Services, under which AWS's endpoints have their certificates:
/// <https://www.amazontrust.com/repository/>. That they are those that browsers trust, and all of them, is
/// tested; when that fails after `cargo update`, it says which to add or to take out.
const ROOTS: &str = include_str!("connection/amazon-roots.pem");

/// How long the first request waits for a connection that is opened before it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// What Lambda's environment says: region and credentials, `DYNAMODB_ENDPOINT` if it is another than
/// that of AWS, and `AWS_CA_BUNDLE` if other roots than Amazon's are to be trusted.
///
/// There is no more to look for there. The SDK's own search, through files, profiles and services, costs
/// a cold function ten million instructions, and a hundred roots as many.
pub(super) fn from_env() -> Result<SdkConfig, Cause> {
    let region = variable("AWS_REGION").ok_or("the environment variable AWS_REGION is missing")?;
    let credentials = EnvironmentVariableCredentialsProvider::new();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client()?);
    config.set_endpoint_url(variable("DYNAMODB_ENDPOINT"));
    Ok(config.build())
}

/// A template can set a variable, and not leave it out: empty is as good as missing.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn http_client() -> Result<SharedHttpClient, Cause> {
    let roots = match variable("AWS_CA_BUNDLE") {
        None => ROOTS.into(),
        Some(path) => fs::read(&path).map_err(|error| format!("AWS_CA_BUNDLE, {path}: {error}"))?,
    };
    let roots = TrustStore::empty().with_pem_certificate(roots);
    let context = TlsContext::builder().with_trust_store(roots).build()?;
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .build_https())
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
}

/// DynamoDB answers within milliseconds; what takes seconds is tried again, or given up in time for
/// the client to be told.
pub(super) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(4))
        .build()
}

impl Store {
    /// Opens the connection that the first request will want, by looking for a token that nobody has: one
    /// read unit. A function starts on a whole core and answers on a fraction of one (`MemorySize` in
    /// `template.yaml`), so here the handshake takes a client less time than within its request.
    ///
    /// What goes wrong here goes wrong again, or not, in that request.
    pub async fn connect(&self) {
        let nobody = Batch::default().with(&self.tables.tokens, [hash_key("-")]);
        let _ = tokio::time::timeout(CONNECT_TIMEOUT, nobody.get(&self.db)).await;
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

    use super::*;

    /// Those of browsers, of which each new version of the crate is a later state.
    #[test]
    fn the_roots_are_those_of_amazon_that_browsers_trust() {
        let names: [&[u8]; 2] = [
            b"Amazon Root CA",
            b"Starfield Services Root Certificate Authority",
        ];
        let is_amazons = |der: &&[u8]| {
            names
                .iter()
                .any(|name| der.windows(name.len()).any(|part| part == *name))
        };
        let amazons = TLS_SERVER_ROOT_CERTS.iter().map(AsRef::as_ref);
        let amazons: Vec<&[u8]> = amazons.filter(is_amazons).collect();
        let ours = ROOTS.split("-----BEGIN CERTIFICATE-----").skip(1);
        let ours: Vec<String> = ours
            .filter_map(|text| text.split_once("-----END CERTIFICATE-----"))
            .map(|(base64, _)| base64.split_whitespace().collect())
            .collect();
        for root in &amazons {
            let root = STANDARD.encode(root);
            assert!(ours.contains(&root), "to be added: {root}");
        }
        let amazons: Vec<_> = amazons.iter().map(|root| STANDARD.encode(root)).collect();
        for root in ours {
            assert!(amazons.contains(&root), "not trusted any more: {root}");
        }
    }
}
