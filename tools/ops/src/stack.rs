//! Opens the tables of a deployed stack.

use std::collections::HashMap;
use std::env;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::Stack;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use local_stack::Error;
use local_stack::template::Template;
use shared::Store;
use shared::error::chain;
use shared::store::Tables;

/// Opens the tables that the environment variables name, in the account and region of the environment.
pub async fn store_from_env() -> Result<Store, Error> {
    let tables = Tables::from_vars(|name| env::var(name).ok())?;
    Ok(Store::new(&config().await, tables))
}

/// Loads AWS credentials and region from environment variables, profiles or single sign-on.
async fn config() -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    let config = config.load().await;
    match env::var("DYNAMODB_ENDPOINT") {
        Ok(url) if !url.is_empty() => config.into_builder().endpoint_url(url).build(),
        _ => config,
    }
}

/// Opens the tables that the outputs of a CloudFormation stack name, in the account and region of the
/// environment.
pub async fn store(name: &str) -> Result<Store, Error> {
    let config = config().await;
    let stacks = Client::new(&config)
        .describe_stacks()
        .stack_name(name)
        .send()
        .await;
    let stacks =
        stacks.map_err(|error| format!("cannot describe the stack {name}: {}", chain(&error)))?;
    let outputs = stacks.stacks().iter().flat_map(Stack::outputs);
    let outputs: HashMap<_, _> = outputs
        .filter_map(|output| Some((output.output_key()?, output.output_value()?)))
        .collect();
    let variables = Template::embedded()?.variables;
    let tables = Tables::from_vars(|variable| {
        outputs
            .get(variables.get(variable)?.as_str())
            .map(|&table| table.to_owned())
    });
    let tables = tables.map_err(|error| {
        format!("the outputs of the stack {name} do not name all tables: {error}")
    })?;
    Ok(Store::new(&config, tables))
}
