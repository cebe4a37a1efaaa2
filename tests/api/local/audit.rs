//! The audit trail while DynamoDB cancels transactions.

use serde_json::json;
use shared::key::Scope;

use crate::harness::{Fault, Proxy, World};

#[tokio::test]
async fn a_deletion_that_is_retried_is_recorded_once() {
    let world = World::new().await;
    let moderator = world.new_server(&[Scope::Moderate]).await;
    let proxy = Proxy::start(world.engine()).await;
    let host = world.host().proxy(proxy.url()).start().await;
    let message = world.kevin.sends("insult").await;
    let canceled = Fault::CancelTransaction("ConditionalCheckFailed");
    proxy.inject("TransactWriteItems", 2, canceled);
    moderator.at(&host).deletes_message(&message).await.is(204);
    assert!(proxy.is_done());
    let entries = world.items("AuditTable");
    let targets: Vec<_> = entries.iter().map(|entry| &entry["target"]["S"]).collect();
    assert_eq!(targets, [&json!(message)]);
}
