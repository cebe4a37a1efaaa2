//! Opens the tables of a deployed stack, or those that the environment names.

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
use shared::store::{Admin, Files, Tables};
use shared::username_rules::UsernameRules;

use crate::target::Target;

/// Opens the tables that the environment variables name: at `DYNAMODB_ENDPOINT`, or in the account and region of the
/// environment.
pub async fn from_env() -> Result<Target, Error> {
    let var = |name: &str| env::var(name).ok();
    let tables = Tables::from_vars(var)?;
    let rules = UsernameRules::from_vars(var)?;
    let endpoint = var("DYNAMODB_ENDPOINT").filter(|url| !url.is_empty());
    let config = match &endpoint {
        Some(url) => config().await.into_builder().endpoint_url(url).build(),
        None => config().await,
    };
    let files = var("FILES_URL").and_then(|url| files(&url, &config));
    let store = Store::new(&config, tables);
    let region = region(&config);
    let place = match &endpoint {
        Some(url) => format!("the tables of the environment (at {url})"),
        None => format!("the tables of the environment (region {region})"),
    };
    let mut settings = vec![("region".to_owned(), region)];
    settings.extend(endpoint.map(|url| ("DYNAMODB_ENDPOINT".to_owned(), url)));
    settings.extend(variables(&Template::embedded()?, |name, _| var(name)));
    Ok(Target {
        admin: Admin::new(store.with_username_rules(rules).with_files(files)),
        description: place,
        is_deployed: true,
        owns_files: false,
        settings,
        url: None,
    })
}

fn region(config: &SdkConfig) -> String {
    let region = config.region().map(ToString::to_string);
    region.unwrap_or_else(|| "unknown".to_owned())
}

/// The variables of the functions that name tables, as far as `value` knows them. It gets the name of a
/// variable and that of its output.
fn variables(
    template: &Template,
    value: impl Fn(&str, &str) -> Option<String>,
) -> Vec<(String, String)> {
    let variables = template.variables.iter();
    let variables = variables.filter(|(name, _)| name.ends_with("_TABLE"));
    variables
        .filter_map(|(name, output)| Some((name.clone(), value(name, output)?)))
        .collect()
}

/// The bucket at this URL; none without region or credentials, with which no table can be read either.
fn files(url: &str, config: &SdkConfig) -> Option<Files> {
    let region = config.region()?;
    let credentials = config.credentials_provider()?;
    Some(Files::new(url, region.as_ref(), credentials))
}

/// The URL of a bucket, as the template has it.
fn bucket_url(bucket: &str, config: &SdkConfig) -> Option<String> {
    let region = config.region()?.as_ref();
    let suffix = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    Some(format!("https://{bucket}.s3.{region}.{suffix}"))
}

/// Loads AWS credentials and region from environment variables, profiles or single sign-on.
async fn config() -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    config.load().await
}

/// Opens the tables that the outputs of a CloudFormation stack name, in the account and region of the
/// environment. A stack is always on AWS, so `DYNAMODB_ENDPOINT` is ignored.
pub async fn deployed(name: &str) -> Result<Target, Error> {
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
    let template = Template::embedded()?;
    let tables = Tables::from_vars(|variable| {
        outputs
            .get(template.variables.get(variable)?.as_str())
            .map(|&table| table.to_owned())
    });
    let tables = tables.map_err(|error| {
        format!("the outputs of the stack {name} do not name all tables: {error}")
    })?;
    let parameters = stacks.stacks().iter().flat_map(Stack::parameters);
    let parameters: HashMap<_, _> = parameters
        .filter_map(|parameter| Some((parameter.parameter_key()?, parameter.parameter_value()?)))
        .collect();
    let rules = UsernameRules::from_vars(|variable| {
        let parameter = &template.function_variable(variable)?.parameter;
        parameters
            .get(parameter.as_str())
            .map(|&value| value.to_owned())
    });
    let url = outputs.get("FilesBucket");
    let url = url.and_then(|bucket| bucket_url(bucket, &config));
    let store = Store::new(&config, tables).with_username_rules(rules?);
    let store = store.with_files(url.and_then(|url| files(&url, &config)));
    let account = stacks.stacks().iter().find_map(account);
    let account = account.unwrap_or("unknown").to_owned();
    let region = region(&config);
    let output = |name: &str| outputs.get(name).map(|&value| value.to_owned());
    let description = format!("the stack {name} (account {account}, region {region})");
    let mut settings = vec![
        ("stack".to_owned(), name.to_owned()),
        ("account".to_owned(), account),
        ("region".to_owned(), region),
    ];
    for key in ["Url", "FilesBucket"] {
        settings.extend(output(key).map(|value| (key.to_owned(), value)));
    }
    settings.extend(variables(&template, |_, key| output(key)));
    Ok(Target {
        admin: Admin::new(store),
        description,
        is_deployed: true,
        owns_files: true,
        settings,
        url: output("Url"),
    })
}

/// The account of a stack, from its id: `arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/UUID`.
fn account(stack: &Stack) -> Option<&str> {
    stack.stack_id()?.split(':').nth(4)
}
