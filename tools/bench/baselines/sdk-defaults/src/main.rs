//! One `GetItem` per event with the AWS SDK, configured as in its documentation.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let config = config
        .into_builder()
        .endpoint_url(std::env::var("DYNAMODB_ENDPOINT")?)
        .build();
    let client = &Client::new(&config);
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<Value>| {
        let request = &event.payload["GetItem"];
        let key: HashMap<_, _> = request["Key"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                let value = value["S"].as_str().unwrap_or_default().to_owned();
                (name.clone(), AttributeValue::S(value))
            })
            .collect();
        let get = client.get_item().set_key(Some(key));
        let table = request["TableName"].as_str().unwrap_or_default();
        let item = get
            .table_name(table)
            .consistent_read(true)
            .send()
            .await?
            .item;
        Ok::<_, Error>(json!(item.map(|item| item.len())))
    }))
    .await
}
