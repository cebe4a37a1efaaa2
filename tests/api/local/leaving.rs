//! Leaving a conversation with many messages, which deletes in batches and continues after an interruption.

use std::time::Duration;

use dynoxide::types::AttributeValue;
use futures_util::future::join_all;
use serde_json::json;
use shared::id::{ConversationId, MessageId};
use shared::key::Scope;
use shared::message::Text;
use shared::time::{Clock, Micros};

use super::cost::{import, import_inbox, import_messages, import_texts, string};
use crate::harness::{Fault, Person, Proxy, Response, World};

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

/// The write units of a request, with those that DynamoDB does not report.
fn write_units(response: &Response) -> f64 {
    let line = response.log_line();
    let units = |name: &str| line[name].as_f64().unwrap();
    units("write_units") + units("unreported_units")
}

#[tokio::test]
async fn leaving_again_writes_nothing_that_was_written_before() {
    let world = World::new().await;
    let crowd = world.crowd(20).await;
    crowd[1].sends("hello").await;
    let leaver = &crowd[0];
    let left = leaver.leaves_conversation().await.is(204);
    // the acquaintances with nineteen, in both directions, and more
    assert!(write_units(&left) > 38.0, "{}", write_units(&left));
    let again = leaver.leaves_conversation().await.is(204);
    assert!(write_units(&again) <= 0.0, "{again:?}");
}

#[tokio::test]
async fn continuing_to_leave_does_not_remove_acquaintances_again() {
    let world = World::new().await;
    let crowd = world.crowd(20).await;
    let people: Vec<_> = crowd.iter().collect();
    let conversation = long_conversation(&world, &people).await;
    let proxy = Proxy::start(world.engine()).await;
    let host = world.host().proxy(proxy.url()).start().await;
    let leaver = crowd[0].within(conversation).at(&host);
    // A step has 20 calls, 16 concurrently, and takes two delays: two steps exceed the time limit, if not one.
    proxy.inject("BatchWriteItem", 40, Fault::Delay(1300));
    leaver.leaves_conversation().await.is(202);
    proxy.clear();
    let left = count_items(&world, "InboxTable", "contact_id", &leaver.id.to_string());
    assert!([200, 700].contains(&left), "{left}");
    let finished = leaver.leaves_conversation().await.is(204);
    // The messages that are left, and the expiry.
    let units = write_units(&finished);
    let expected = f64::from(u32::try_from(left).unwrap());
    assert!(units <= expected + 1.0, "{units} instead of {expected}");
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
    import(
        &world,
        "ReadsTable",
        (1..=600).map(|number: u64| {
            [
                ("conversation_id", string(&conversation)),
                (
                    "up_to",
                    string(&format!("1{}", MessageId::prefix(Micros(number)))),
                ),
                ("intervals", AttributeValue::L(Vec::new())),
            ]
            .into()
        }),
    );
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
    // The rest takes more units than one request may consume.
    kevin.leaves_conversation().await.is(202);
    kevin.leaves_conversation().await.is(204);
    assert!(proxy.is_done());
    assert_nothing_is_left(&world, conversation);
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
    loop {
        let page = world.kate.lists_inbox("limit=100").await.is(200);
        assert!(page.texts().is_empty());
        if page.json()["has_more"] == false {
            break;
        }
    }
    assert_eq!(count_items(&world, "InboxTable", "contact_id", &kate_id), 0);
}

#[tokio::test]
async fn a_leave_whose_cleanup_is_throttled_returns_202_and_continues_when_repeated() {
    let world = World::new().await;
    let conversation = long_conversation(&world, &[&world.kevin, &world.kate]).await;
    let proxy = Proxy::start(world.engine()).await;
    let host = world.host().proxy(proxy.url()).start().await;
    proxy.inject(
        "BatchWriteItem",
        10_000,
        Fault::Error("ThrottlingException"),
    );
    for person in [&world.kate, &world.kevin] {
        let person = person.within(conversation);
        let unfinished = person.at(&host).leaves_conversation().await.is(202);
        assert_eq!(unfinished.header("retry-after"), "1");
        assert_eq!(unfinished.log_line()["level"], "INFO", "no failure");
        person.gets_conversation().await.is(404);
        person.leaves_conversation().await.is(204);
    }
    assert!(world.items("InboxTable").is_empty());
    assert!(world.items("MessagesTable").is_empty());
}

#[tokio::test]
async fn a_moderator_continues_to_remove_the_last_participant() {
    let world = World::new().await;
    let server = world.new_server(&[Scope::Moderate]).await;
    let conversation = long_conversation(&world, &[&world.kevin]).await;
    let proxy = Proxy::start(world.engine()).await;
    let host = world.host().proxy(proxy.url()).start().await;
    proxy.inject("BatchWriteItem", 40, Fault::Delay(1300));
    let moderator = server.within(conversation).at(&host);
    let unfinished = moderator.removes_participant(&world.kevin).await;
    unfinished.is(202);
    moderator.removes_participant(&world.kevin).await.is(204);
    let left = count_items(
        &world,
        "MessagesTable",
        "conversation_id",
        &conversation.to_string(),
    );
    assert_eq!(left, 0);
    let stranger = world.new_person("one").await;
    moderator
        .removes_participant(&stranger)
        .await
        .fails(404, "contact_not_found", "contact_id");
}

#[tokio::test]
async fn a_leave_that_exceeds_the_time_limit_returns_202_and_continues_when_repeated() {
    let world = World::new().await;
    let conversation = long_conversation(&world, &[&world.kevin, &world.kate]).await;
    let proxy = Proxy::start(world.engine()).await;
    let host = world.host().proxy(proxy.url()).start().await;
    for person in [&world.kate, &world.kevin] {
        let person = person.within(conversation).at(&host);
        // A step has 20 calls, 16 concurrently, and takes two delays: two steps exceed the time limit, if not one.
        proxy.inject("BatchWriteItem", 40, Fault::Delay(1300));
        let unfinished = person.leaves_conversation().await.is(202);
        assert_eq!(unfinished.header("retry-after"), "1");
        assert_eq!(unfinished.log_line()["level"], "INFO", "no failure");
        person.gets_conversation().await.is(404);
        proxy.clear();
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
async fn long_messages_are_deleted_in_several_requests_of_bounded_cost() {
    const LIMIT: f64 = 4_000.0;
    // A page of 1 MB: 32 messages that are read, and deleted from the table, its index and the inbox.
    const STEP: f64 = 256.0 + 32.0 * (33.0 + 1.0 + 1.0);
    let world = World::new().await;
    let conversation = world.new_conversation(&[&world.kevin]).await;
    let now = Clock::system().now().0;
    let ids: Vec<_> = (0..700)
        .map(|number| MessageId::new(Micros(now + number), conversation))
        .collect();
    let text = "x".repeat(Text::MAX_LEN);
    import_texts(&world, ids.iter().copied(), world.kevin.id, &text);
    import_inbox(&world, &ids, &world.kevin);
    let kevin = world.kevin.within(conversation);
    let mut requests = 0;
    loop {
        requests += 1;
        let response = kevin.leaves_conversation().await;
        let line = response.log_line();
        let units = write_units(&response) + line["read_units"].as_f64().unwrap();
        println!("{}: {units} units", response.status);
        // Besides the steps, the first request leaves, and the last one deletes the conversation.
        assert!(units < LIMIT + STEP + 100.0, "{units}");
        match response.status.as_u16() {
            202 => assert!(units >= LIMIT, "{units}"),
            204 => break,
            _ => panic!("{response:?}"),
        }
    }
    assert_eq!(requests, 8, "three steps each, of 22");
    assert_nothing_is_left(&world, conversation);
}

#[tokio::test]
async fn a_message_that_is_stored_after_the_last_participant_has_left_is_not_acknowledged() {
    let world = World::new().await;
    let conversation = world.new_conversation(&[&world.kevin]).await;
    let proxy = Proxy::start(world.engine()).await;
    let slow = world.host().proxy(proxy.url()).start().await;
    let (kevin, phone) = (
        world.kevin.within(conversation),
        world.kevin.within(conversation).at(&slow),
    );
    let mut transaction = proxy.hold("TransactWriteItems");
    let send = tokio::spawn(async move { phone.tries_to_send("too late").await });
    transaction.arrives().await;
    kevin.leaves_conversation().await.is(204);
    transaction.release();
    send.await
        .unwrap()
        .fails(404, "conversation_not_found", "conversation_id");
    assert_nothing_is_left(&world, conversation);
}

#[tokio::test]
async fn an_edit_while_the_last_participant_leaves_leaves_no_text_behind() {
    let world = World::new().await;
    let conversation = world.new_conversation(&[&world.kevin]).await;
    let kevin = world.kevin.within(conversation);
    let id = kevin.sends("one").await;
    let [edits, leaves] = [(), ()].map(|()| Proxy::start(world.engine()));
    let (edits, leaves) = (edits.await, leaves.await);
    let editing = world.host().records_edits().proxy(edits.url());
    let editing = kevin.at(&editing.start().await);
    let leaving = kevin.at(&world.host().proxy(leaves.url()).start().await);
    // The edit is made after the conversation has been closed, and before its first items are deleted.
    let mut edit = edits.hold("TransactWriteItems");
    let edited = tokio::spawn(async move { editing.updates_message(&id, "message=two").await });
    edit.arrives().await;
    let mut deletion = leaves.hold("BatchWriteItem");
    let left = tokio::spawn(async move { leaving.leaves_conversation().await });
    deletion.arrives().await;
    edit.release();
    edited.await.unwrap().is(200);
    deletion.release();
    left.await.unwrap().is(204);
    assert_nothing_is_left(&world, conversation);
    assert_eq!(world.inconsistencies().await, []);
}

/// Checks that no table has an item of a conversation that its last participant has left.
fn assert_nothing_is_left(world: &World, conversation: ConversationId) {
    let id = conversation.to_string();
    for (table, name) in [
        ("MessagesTable", "conversation_id"),
        ("InboxTable", "message_id"),
        ("ReadsTable", "conversation_id"),
        ("EditsTable", "conversation_id"),
        ("ConversationsTable", "id"),
    ] {
        assert_eq!(count_items(world, table, name, &id), 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_sent_while_the_last_participant_leaves_are_all_deleted() {
    let world = World::new().await;
    let other_host = world.host().start().await;
    let mut sent = [0, 0];
    for round in 0..api_tests::cases(20, 1000) {
        let conversation = world.new_conversation(&[&world.kevin]).await;
        let devices = [
            world.kevin.within(conversation),
            world.kevin.within(conversation).at(&other_host),
        ];
        let text = format!("round {round}");
        let sends = [&devices[0], &devices[1], &devices[1]].map(|kevin| kevin.tries_to_send(&text));
        let leave = async {
            // Later and later, relative to the sends.
            tokio::time::sleep(Duration::from_micros(round * 997 % 20_000)).await;
            devices[0].leaves_conversation().await.is(204);
        };
        let (responses, ()) = tokio::join!(join_all(sends), leave);
        for response in responses {
            match response.status.as_u16() {
                201 => sent[0] += 1,
                404 => sent[1] += 1,
                _ => panic!("{response:?}"),
            }
        }
        assert_nothing_is_left(&world, conversation);
    }
    assert!(sent.iter().all(|&count| count > 0), "201, 404: {sent:?}");
    let inconsistencies = world.inconsistencies().await;
    assert!(inconsistencies.is_empty(), "{inconsistencies:?}");
}
