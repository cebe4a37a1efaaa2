//! The tables of a deployed stack: its outputs name them.

use std::collections::HashMap;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::Stack;
use dev::Error;
use dev::template::Template;
use shared::Store;
use shared::error::chain;
use shared::store::Tables;

/// The store of the stack with this name, in the account and region that the environment says.
pub async fn store(name: &str) -> Result<Store, Error> {
    let config = Store::config_from_env().await;
    let stacks = Client::new(&config)
        .describe_stacks()
        .stack_name(name)
        .send()
        .await;
    let stacks = stacks.map_err(|error| format!("the stack {name}: {}", chain(&error)))?;
    let outputs = stacks.stacks().iter().flat_map(Stack::outputs);
    let outputs: HashMap<_, _> = outputs
        .filter_map(|output| Some((output.output_key()?, output.output_value()?)))
        .collect();
    let variables = Template::of_this_project()?.variables;
    let tables = Tables::from_vars(|variable| {
        outputs
            .get(variables.get(variable)?.as_str())
            .map(|&table| table.to_owned())
    });
    let tables =
        tables.map_err(|error| format!("the stack {name} does not name its tables: {error}"))?;
    Ok(Store::new(&config, tables))
}
