//! The DynamoDB calls of one function per event, without parsing, validation and logging.
//!
//! The AWS SDK uses its own HTTP client and is otherwise configured as in the functions.

use std::collections::HashMap;
use std::env::var;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Put, TransactWriteItem};
use aws_sdk_dynamodb::{Client, Config};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use futures_util::future::{try_join, try_join3};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

/// `create-message` writes to this conversation instead of one that the functions read.
const SCRATCH_CONVERSATION: &str = "scratch";

type Item = HashMap<String, AttributeValue>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let roots = TrustStore::empty().with_pem_certificate(std::fs::read(var("AWS_CA_BUNDLE")?)?);
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(TlsContext::builder().with_trust_store(roots).build()?)
        .build_https();
    let (key, secret) = (var("AWS_ACCESS_KEY_ID")?, var("AWS_SECRET_ACCESS_KEY")?);
    let session = var("AWS_SESSION_TOKEN").ok();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(var("AWS_REGION")?))
        .credentials_provider(Credentials::new(key, secret, session, None, "environment"))
        .endpoint_url(var("DYNAMODB_ENDPOINT")?)
        .http_client(http);
    let client = &Client::from_conf(config.build());
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<Value>| {
        let ids = &event.payload;
        let count = match ids["calls"].as_str() {
            Some("get-message") => get_message(client, ids).await?,
            Some("list-messages") => list_messages(client, ids).await?,
            Some("create-message") => create_message(client, ids).await?,
            _ => {
                return Err(Error::from(
                    "`calls` must be get-message, list-messages or create-message",
                ));
            }
        };
        Ok::<_, Error>(json!(count))
    }))
    .await
}

async fn get_message(client: &Client, ids: &Value) -> Result<usize, Error> {
    let message = item([
        ("conversation_id", string_attribute(&ids["conversation_id"])),
        (
            "created_at",
            AttributeValue::N(ids["created_at"].to_string()),
        ),
    ]);
    let keys = [
        (
            "TOKENS_TABLE",
            item([("token_hash", string_attribute(&ids["token_hash"]))]),
        ),
        ("MESSAGES_TABLE", message),
        (
            "CONVERSATIONS_TABLE",
            item([("id", string_attribute(&ids["conversation_id"]))]),
        ),
        (
            "CONTACTS_TABLE",
            item([("id", string_attribute(&ids["contact_id"]))]),
        ),
    ];
    batch_get(client, keys).await
}

async fn list_messages(client: &Client, ids: &Value) -> Result<usize, Error> {
    let keys = [
        (
            "TOKENS_TABLE",
            item([("token_hash", string_attribute(&ids["token_hash"]))]),
        ),
        (
            "CONVERSATIONS_TABLE",
            item([("id", string_attribute(&ids["conversation_id"]))]),
        ),
        (
            "CONTACTS_TABLE",
            item([("id", string_attribute(&ids["contact_id"]))]),
        ),
    ];
    let (found, messages) =
        try_join(batch_get(client, keys), query_messages(client, ids, 11)).await?;
    Ok(found + messages)
}

async fn create_message(client: &Client, ids: &Value) -> Result<usize, Error> {
    let keys = [
        (
            "TOKENS_TABLE",
            item([("token_hash", string_attribute(&ids["token_hash"]))]),
        ),
        (
            "CONVERSATIONS_TABLE",
            item([("id", string_attribute(&ids["conversation_id"]))]),
        ),
    ];
    let (found, newest) = try_join(batch_get(client, keys), query_messages(client, ids, 1)).await?;

    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    let mut puts = vec![conditional_put(
        "MESSAGES_TABLE",
        item([
            (
                "conversation_id",
                AttributeValue::S(SCRATCH_CONVERSATION.to_owned()),
            ),
            ("created_at", AttributeValue::N(now.to_string())),
            ("contact_id", string_attribute(&ids["contact_id"])),
            (
                "message",
                AttributeValue::S("What do you say to this".to_owned()),
            ),
            ("version", AttributeValue::N("1".to_owned())),
        ]),
        "conversation_id",
    )?];
    for contact in ["one", "two", "three"] {
        let entry = item([
            ("contact_id", AttributeValue::S(contact.to_owned())),
            ("message_id", AttributeValue::S(now.to_string())),
        ]);
        puts.push(conditional_put("INBOX_TABLE", entry, "contact_id")?);
    }
    let transaction = client.transact_write_items().set_transact_items(Some(puts));
    let transaction = async {
        transaction
            .client_request_token(now.to_string())
            .send()
            .await?;
        Ok(1)
    };
    let author = batch_get(
        client,
        [(
            "CONTACTS_TABLE",
            item([("id", string_attribute(&ids["contact_id"]))]),
        )],
    );
    let (written, author) = try_join(transaction, author).await?;

    let move_to_top = async |contact: &str| {
        let update = client
            .update_item()
            .table_name(var("MEMBERSHIPS_TABLE")?)
            .key("contact_id", AttributeValue::S(contact.to_owned()))
            .key(
                "conversation_id",
                AttributeValue::S(SCRATCH_CONVERSATION.to_owned()),
            )
            .update_expression("SET place = :place REMOVE archived_at")
            .condition_expression("attribute_not_exists(place) OR place < :place")
            .expression_attribute_values(":place", AttributeValue::S(format!("o{now}")));
        update.send().await?;
        Ok::<_, Error>(())
    };
    try_join3(move_to_top("one"), move_to_top("two"), move_to_top("three")).await?;
    Ok(found + newest + written + author)
}

async fn query_messages(client: &Client, ids: &Value, limit: i32) -> Result<usize, Error> {
    let query = client
        .query()
        .table_name(var("MESSAGES_TABLE")?)
        .consistent_read(true)
        .key_condition_expression("conversation_id = :conversation")
        .expression_attribute_values(":conversation", string_attribute(&ids["conversation_id"]))
        .scan_index_forward(false)
        .limit(limit);
    Ok(query.send().await?.items().len())
}

async fn batch_get<const N: usize>(
    client: &Client,
    keys: [(&str, Item); N],
) -> Result<usize, Error> {
    let mut request_items = HashMap::new();
    for (table, key) in keys {
        let keys = KeysAndAttributes::builder().keys(key).consistent_read(true);
        request_items.insert(var(table)?, keys.build()?);
    }
    let batch = client
        .batch_get_item()
        .set_request_items(Some(request_items));
    let found = batch.send().await?.responses.unwrap_or_default();
    Ok(found.values().map(Vec::len).sum())
}

fn conditional_put(table: &str, item: Item, key: &str) -> Result<TransactWriteItem, Error> {
    let put = Put::builder()
        .table_name(var(table)?)
        .set_item(Some(item))
        .condition_expression(format!("attribute_not_exists({key})"));
    Ok(TransactWriteItem::builder().put(put.build()?).build())
}

fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

fn string_attribute(text: &Value) -> AttributeValue {
    AttributeValue::S(text.as_str().unwrap_or_default().to_owned())
}
