//! Leaving a conversation with many messages, which deletes in batches and continues after an interruption.

use dynoxide::types::AttributeValue;
use serde_json::json;
use shared::id::{ConversationId, MessageId};
use shared::time::{Clock, Micros};

use super::cost::{import, import_messages, string};
use crate::harness::{Fault, Person, Proxy, World};

/// The number of messages in a long conversation: leaving deletes them in three steps.
const MESSAGE_COUNT: u64 = 1200;

/// Creates a conversation with these participants and `MESSAGE_COUNT` messages from Kevin.
async fn long_conversation(world: &World, people: &[&Person]) -> ConversationId {
    let conversation = world.new_conversation(people).await;
    let now = Clock::system().now().0;
    let ids: Vec<_> = (0..MESSAGE_COUNT)
        .map(|number| MessageId::new(Micros(now + number), conversation))
        .collect();
    import_messages(world, ids.iter().copied(), world.kevin.id);
    for person in people {
        let entries = ids.iter().map(|id| {
            [
                ("contact_id", string(&person.id)),
                ("message_id", string(id)),
            ]
            .into()
        });
        import(world, "InboxTable", entries);
    }
    conversation
}

/// Counts the items of a table whose attribute `name` contains `value`.
fn count_items(world: &World, table: &str, name: &str, value: &str) -> u64 {
    let request = json!({
        "TableName": table,
        "Select": "COUNT",
        "FilterExpression": "contains(#name, :value)",
        "ExpressionAttributeNames": {"#name": name},
        "ExpressionAttributeValues": {":value": AttributeValue::S(value.to_owned())},
    });
    let (mut total, mut start) = (0, None);
    loop {
        let mut request = request.clone();
        if let Some(start) = start {
            request["ExclusiveStartKey"] = start;
        }
        let request = serde_json::from_value(request).unwrap();
        let page = world.engine().database().scan(request).unwrap();
        let page = serde_json::to_value(page).unwrap();
        total += page["Count"].as_u64().unwrap();
        match page.get("LastEvaluatedKey") {
            Some(key) if !key.is_null() => start = Some(key.clone()),
            _ => return total,
        }
    }
}

#[tokio::test]
async fn when_the_last_participant_leaves_all_messages_are_deleted_even_after_an_interruption() {
    let world = World::new().await;
    let conversation = long_conversation(&world, &[&world.kevin]).await;
    let proxy = Proxy::start(world.engine()).await;
    let kevin = world
        .kevin
        .within(conversation)
        .at(&world.host().proxy(proxy.url()).start().await);
    proxy.inject("BatchWriteItem", 2, Fault::Unprocessed);
    proxy.inject("BatchWriteItem", 3, Fault::Error("AccessDeniedException"));
    kevin.leaves_conversation().await.is(500);
    let id = conversation.to_string();
    assert!(count_items(&world, "MessagesTable", "conversation_id", &id) > 0);
    kevin.gets_conversation().await.is(404);
    kevin.tries_to_send("after leaving").await.is(404);
    kevin.leaves_conversation().await.is(204);
    assert!(proxy.is_done());
    for (table, name) in [
        ("MessagesTable", "conversation_id"),
        ("InboxTable", "message_id"),
        ("ConversationsTable", "id"),
    ] {
        assert_eq!(count_items(&world, table, name, &id), 0, "{table}");
    }
    kevin.leaves_conversation().await.is(204);
}

#[tokio::test]
async fn leaving_deletes_the_leavers_inbox_entries_even_after_an_interruption() {
    let world = World::new().await;
    let conversation = long_conversation(&world, &[&world.kevin, &world.kate]).await;
    let proxy = Proxy::start(world.engine()).await;
    let kate = world
        .kate
        .within(conversation)
        .at(&world.host().proxy(proxy.url()).start().await);
    proxy.inject("BatchWriteItem", 1, Fault::Error("AccessDeniedException"));
    kate.leaves_conversation().await.is(500);
    kate.gets_conversation().await.is(404);
    kate.leaves_conversation().await.is(204);
    let kate_id = world.kate.id.to_string();
    assert_eq!(count_items(&world, "InboxTable", "contact_id", &kate_id), 0);
    assert_eq!(
        count_items(
            &world,
            "InboxTable",
            "contact_id",
            &world.kevin.id.to_string()
        ),
        MESSAGE_COUNT
    );
    assert_eq!(
        count_items(
            &world,
            "MessagesTable",
            "conversation_id",
            &conversation.to_string()
        ),
        MESSAGE_COUNT
    );
}

#[tokio::test]
async fn inbox_entries_left_by_an_interrupted_leave_are_deleted_when_listed() {
    let world = World::new().await;
    let conversation = long_conversation(&world, &[&world.kevin, &world.kate]).await;
    let proxy = Proxy::start(world.engine()).await;
    let kate = world
        .kate
        .within(conversation)
        .at(&world.host().proxy(proxy.url()).start().await);
    proxy.inject("BatchWriteItem", 1, Fault::Error("AccessDeniedException"));
    kate.leaves_conversation().await.is(500);
    // This deletes the messages, without which a repeated leave cannot find her inbox entries.
    world
        .kevin
        .within(conversation)
        .leaves_conversation()
        .await
        .is(204);
    kate.leaves_conversation().await.is(204);
    let kate_id = world.kate.id.to_string();
    assert!(count_items(&world, "InboxTable", "contact_id", &kate_id) > 0);
    assert!(
        world
            .kate
            .lists_inbox("limit=100")
            .await
            .is(200)
            .texts()
            .is_empty()
    );
    assert_eq!(count_items(&world, "InboxTable", "contact_id", &kate_id), 0);
}

#[tokio::test]
async fn a_leave_that_exceeds_the_time_limit_returns_503_and_continues_when_repeated() {
    let world = World::new().await;
    let conversation = long_conversation(&world, &[&world.kevin, &world.kate]).await;
    let proxy = Proxy::start(world.engine()).await;
    let host = world.host().proxy(proxy.url()).start().await;
    for person in [&world.kate, &world.kevin] {
        let person = person.within(conversation).at(&host);
        // 20 calls, 16 concurrently, take two delays.
        proxy.inject("BatchWriteItem", 40, Fault::Delay(1300));
        let response = person
            .leaves_conversation()
            .await
            .fails(503, "unfinished", ());
        assert_eq!(response.header("retry-after"), "1");
        person.gets_conversation().await.is(404);
        let repeated = person.leaves_conversation().await.is(204);
        assert!(
            repeated.cost().calls > 10,
            "it deletes the rest: {:?}",
            repeated.cost()
        );
    }
    assert_eq!(
        count_items(
            &world,
            "InboxTable",
            "message_id",
            &conversation.to_string()
        ),
        0
    );
    assert_eq!(
        count_items(
            &world,
            "MessagesTable",
            "conversation_id",
            &conversation.to_string()
        ),
        0
    );
}

#[tokio::test]
async fn read_up_to_marks_a_thousand_messages_and_continues_when_repeated() {
    let world = World::new().await;
    let conversation = long_conversation(&world, &[&world.kevin, &world.kate]).await;
    let last = world.kevin.within(conversation).sends("the last").await;
    let kate = world.kate.within(conversation);
    let read = format!("read_up_to={last}");
    assert_eq!(
        kate.updates_conversation(&read).await.is(200).json()["unread_count"],
        100
    );
    assert_eq!(
        kate.gets_message(&last).await.json()["read_at"],
        json!(null)
    );
    assert_eq!(
        kate.updates_conversation(&read).await.is(200).json()["unread_count"],
        0
    );
    assert!(kate.gets_message(&last).await.json()["read_at"].is_u64());
    assert_eq!(count_unread(&world, conversation), 0);
}

/// Counts the unread messages of a conversation.
fn count_unread(world: &World, conversation: ConversationId) -> u64 {
    let request = json!({
        "TableName": "MessagesTable",
        "Select": "COUNT",
        "KeyConditionExpression": "conversation_id = :conversation",
        "FilterExpression": "attribute_not_exists(read_at)",
        "ExpressionAttributeValues": {":conversation": string(&conversation)},
    });
    let request = serde_json::from_value(request).unwrap();
    let page = world.engine().database().query(request).unwrap();
    serde_json::to_value(page).unwrap()["Count"]
        .as_u64()
        .unwrap()
}
