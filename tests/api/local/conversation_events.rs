//! The events of conversations: who joins and leaves, what changes, what each contact sets for itself, and what is marked
//! as read.

use serde_json::{Value, json};
use shared::id::{ConversationId, MessageId};
use shared::key::Scope;
use shared::time::{Clock, Micros};

use super::cost::import_messages;
use super::events::{begins, reads_all};
use crate::harness::{Json, Person, World};

/// The events of a contact after a cursor: their types, and the messages they are about. Sorted, since those of messages
/// and of conversations come from different streams.
async fn reads(world: &World, person: &Person, cursor: &str) -> Vec<(String, Value)> {
    let (events, _) = reads_all(world, person, cursor, 100).await;
    let brief = |event: &Value| {
        let of_type = event["type"].as_str().unwrap().to_owned();
        (of_type, event["message"]["message"].clone())
    };
    let mut events: Vec<_> = events.iter().map(brief).collect();
    events.sort_by_key(|(of_type, text)| (of_type.clone(), text.to_string()));
    events
}

/// The only event of a contact after a cursor.
async fn reads_one(world: &World, person: &Person, cursor: &str) -> Value {
    let (mut events, _) = reads_all(world, person, cursor, 100).await;
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

/// An event of a conversation.
fn of_conversation(of_type: &str) -> (String, Value) {
    (format!("conversation.{of_type}"), Value::Null)
}

fn updated(text: &str) -> (String, Value) {
    ("message.updated".to_owned(), json!(text))
}

/// Kevin's group with Kate, in which Linnie is not, and the three in it.
async fn group(world: &World) -> [Person; 3] {
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate], "name=Band")
        .await;
    let id = kevin.conversation;
    [kevin, world.kate.within(id), world.linnie.within(id)]
}

#[tokio::test]
async fn who_is_added_gets_the_conversation_and_the_others_see_who_joins() {
    let world = World::new().await;
    let [kevin, kate, linnie] = group(&world).await;
    kevin.sends("before").await;
    let (of_kate, of_linnie) = (begins(&world, &kate).await, begins(&world, &linnie).await);
    kevin.adds_participant(&linnie).await.is(200);

    let event = reads_one(&world, &linnie, &of_linnie).await;
    assert_eq!(event["type"], "conversation.created");
    assert_eq!(event["conversation_id"], json!(kevin.conversation));
    assert_eq!(
        event["conversation"],
        linnie.gets_conversation().await.json()
    );
    assert_eq!(event["message_id"], Value::Null);
    let event = reads_one(&world, &kate, &of_kate).await;
    assert_eq!(event["type"], "conversation.updated");
    assert_eq!(event["conversation"], kate.gets_conversation().await.json());
}

#[tokio::test]
async fn who_creates_a_conversation_gets_it_on_its_other_devices() {
    let world = World::new().await;
    let cursor = begins(&world, &world.kevin).await;
    let [kevin, ..] = group(&world).await;
    let event = reads_one(&world, &kevin, &cursor).await;
    assert_eq!(event["type"], "conversation.created");
    assert_eq!(
        event["conversation"],
        kevin.gets_conversation().await.json()
    );
}

#[tokio::test]
async fn who_leaves_or_is_removed_loses_the_conversation() {
    let world = World::new().await;
    let [kevin, kate, linnie] = group(&world).await;
    kevin.adds_participant(&linnie).await.is(200);
    let mut cursors = Vec::new();
    for person in [&kevin, &kate, &linnie] {
        cursors.push(begins(&world, person).await);
    }
    kevin.removes_participant(&linnie).await.is(204);
    let event = reads_one(&world, &linnie, &cursors[2]).await;
    assert_eq!(event["type"], "conversation.deleted");
    assert_eq!(event["conversation_id"], json!(kevin.conversation));
    assert_eq!(event["conversation"], Value::Null);
    kate.leaves_conversation().await.is(204);
    assert_eq!(
        reads(&world, &kate, &cursors[1]).await,
        [of_conversation("deleted")]
    );
    assert_eq!(
        reads(&world, &kevin, &cursors[0]).await,
        [of_conversation("updated")]
    );
    kevin.leaves_conversation().await.is(204);
    assert_eq!(
        reads(&world, &kevin, &cursors[0]).await,
        [of_conversation("deleted")]
    );
}

/// The client cannot see in the lists that it was away.
#[tokio::test]
async fn who_is_removed_and_added_again_gets_the_conversation_again() {
    let world = World::new().await;
    let [kevin, _, linnie] = group(&world).await;
    kevin.adds_participant(&linnie).await.is(200);
    let cursor = begins(&world, &linnie).await;
    kevin.removes_participant(&linnie).await.is(204);
    kevin.sends("while she was away").await;
    world.settles().await;
    kevin.adds_participant(&linnie).await.is(200);
    assert_eq!(
        reads(&world, &linnie, &cursor).await,
        [of_conversation("created")]
    );
}

#[tokio::test]
async fn what_all_see_is_an_event_for_all_and_settings_for_the_other_devices_only() {
    let world = World::new().await;
    let [kevin, kate, _] = group(&world).await;
    let (of_kevin, of_kate) = (begins(&world, &kevin).await, begins(&world, &kate).await);
    for form in ["is_muted=true", "is_pinned=true", "archived=true"] {
        let cursor = begins(&world, &kate).await;
        kate.updates_conversation(form).await.is(200);
        let event = reads_one(&world, &kate, &cursor).await;
        assert_eq!(event["type"], "conversation.updated", "{form}");
        assert_eq!(event["conversation"], kate.gets_conversation().await.json());
    }
    assert_eq!(reads(&world, &kevin, &of_kevin).await, []);
    for form in ["name=Orchestra", "metadata[key]=of%20C"] {
        let cursors = [begins(&world, &kevin).await, begins(&world, &kate).await];
        kevin.updates_conversation(form).await.is(200);
        for (person, cursor) in [&kevin, &kate].into_iter().zip(&cursors) {
            let event = reads_one(&world, person, cursor).await;
            let conversation = person.gets_conversation().await.json();
            assert_eq!(event["conversation"], conversation, "{form}");
        }
    }
    assert_eq!(
        reads(&world, &kate, &of_kate).await,
        [of_conversation("updated")],
        "once on a page"
    );
}

#[tokio::test]
async fn a_message_makes_no_event_of_its_conversation() {
    let world = World::new().await;
    let [kevin, kate, _] = group(&world).await;
    kate.updates_conversation("is_muted=true").await.is(200);
    kevin.updates_conversation("archived=true").await.is(200);
    let (of_kevin, of_kate) = (begins(&world, &kevin).await, begins(&world, &kate).await);
    kevin.sends("hello").await;
    kate.sends("hello, too").await;
    let expected = ["hello", "hello, too"].map(|text| ("message.created".to_owned(), json!(text)));
    assert_eq!(reads(&world, &kevin, &of_kevin).await, expected);
    assert_eq!(reads(&world, &kate, &of_kate).await, expected);
}

#[tokio::test]
async fn accepting_and_closing_a_conversation_are_events_for_all() {
    let world = World::new().await;
    let kevin = world.kevin.creates_conversation(&[&world.buzz], "").await;
    let buzz = world.buzz.within(kevin.conversation);
    for step in ["accept", "close"] {
        let cursors = [begins(&world, &kevin).await, begins(&world, &buzz).await];
        if step == "accept" {
            buzz.accepts().await.is(200);
        } else {
            let server = world.new_server(&[Scope::Moderate]).await;
            let closing = server.within(kevin.conversation);
            closing.updates_conversation("closed=true").await.is(200);
        }
        for (person, cursor) in [&kevin, &buzz].into_iter().zip(&cursors) {
            let event = reads_one(&world, person, cursor).await;
            assert_eq!(event["type"], "conversation.updated", "{step}");
            let conversation = person.gets_conversation().await.json();
            assert_eq!(event["conversation"], conversation, "{step}");
        }
    }
}

#[tokio::test]
async fn messages_that_are_read_for_the_first_time_are_updated_for_all() {
    let world = World::new().await;
    let [kevin, kate, _] = group(&world).await;
    kevin.sends("one").await;
    kate.sends("two").await;
    let last = kevin.sends("three").await;
    let (of_kevin, of_kate) = (begins(&world, &kevin).await, begins(&world, &kate).await);

    kate.updates_conversation(&format!("read_up_to={last}"))
        .await
        .is(200);
    assert_eq!(
        reads(&world, &kevin, &of_kevin).await,
        [updated("one"), updated("three")]
    );
    assert_eq!(
        reads(&world, &kate, &of_kate).await,
        [of_conversation("updated"), updated("one"), updated("three"),]
    );

    // The first reader was the author of the second message.
    let (of_kevin, of_kate) = (begins(&world, &kevin).await, begins(&world, &kate).await);
    kevin
        .updates_conversation(&format!("read_up_to={last}"))
        .await
        .is(200);
    assert_eq!(reads(&world, &kate, &of_kate).await, [updated("two")]);
    let event = &reads_all(&world, &kate, &of_kate, 100).await.0[0];
    let id = event["message_id"].as_str().unwrap();
    assert_eq!(event["message"], kate.gets_message(id).await.json());
    assert!(event["message"]["read_at"].is_u64());
    assert_eq!(
        reads(&world, &kevin, &of_kevin).await,
        [of_conversation("updated"), updated("two")]
    );

    // They have been read by others before.
    kevin.adds_participant(&world.linnie).await.is(200);
    let (of_kevin, linnie) = (
        begins(&world, &kevin).await,
        world.linnie.within(kevin.conversation),
    );
    linnie
        .updates_conversation(&format!("read_up_to={last}"))
        .await
        .is(200);
    assert_eq!(reads(&world, &kevin, &of_kevin).await, []);
}

#[tokio::test]
async fn if_many_messages_are_read_at_once_the_conversation_is_loaded_again() {
    for (count, expected) in [(100, "message.updated"), (101, "resync")] {
        let world = World::new().await;
        let pair = world.new_conversation(&[&world.kevin, &world.kate]).await;
        let ids = import(&world, pair, count);
        let cursor = begins(&world, &world.kevin).await;
        let kate = world.kate.within(pair);
        let newest = ids.last().unwrap();
        kate.updates_conversation(&format!("read_up_to={newest}"))
            .await
            .is(200);
        let (events, _) = reads_all(&world, &world.kevin, &cursor, 100).await;
        for event in &events {
            assert_eq!(event["type"], expected);
            assert_eq!(event["conversation_id"], json!(pair));
        }
        let expected = if count > 100 { 1 } else { count };
        assert_eq!(events.len() as u64, expected);
    }
}

/// The first reader was the author of none of these messages.
#[tokio::test]
async fn what_a_second_participant_reads_is_no_event_however_much_it_is() {
    let world = World::new().await;
    let [kevin, kate, _] = group(&world).await;
    kevin.adds_participant(&world.linnie).await.is(200);
    let linnie = world.linnie.within(kevin.conversation);
    let ids = import(&world, kevin.conversation, 150);
    let mark = format!("read_up_to={}", ids.last().unwrap());
    kate.updates_conversation(&mark).await.is(200);
    let cursor = begins(&world, &kevin).await;
    linnie.updates_conversation(&mark).await.is(200);
    assert_eq!(reads(&world, &kevin, &cursor).await, []);
}

/// The page ends before it shows that the conversation has changed since she joined.
#[tokio::test]
async fn a_page_that_ends_early_shows_that_a_conversation_is_new() {
    let world = World::new().await;
    let [kevin, _, linnie] = group(&world).await;
    let cursor = begins(&world, &linnie).await;
    kevin.adds_participant(&linnie).await.is(200);
    world.settles().await;
    let text = "\"".repeat(30_000);
    for _ in 0..60 {
        let body = json!({ "conversation_id": kevin.conversation, "message": text });
        kevin.posts("/v1/messages", Json(body)).await.is(201);
    }
    world.settles().await;
    kevin.updates_conversation("name=Orchestra").await.is(200);
    world.settles().await;
    let page = linnie.gets_events(&cursor, 100).await.is(200).json();
    assert_eq!(page["has_more"], true);
    assert_eq!(page["data"][0]["type"], "conversation.created");
    let cursor = page["cursor"].as_str().unwrap();
    let rest = reads(&world, &linnie, cursor).await;
    assert_eq!(rest[0], of_conversation("updated"));
}

/// Stores messages of Kevin, of which the stream does not tell.
fn import(world: &World, conversation: ConversationId, count: u64) -> Vec<MessageId> {
    let now = Clock::system().now().0;
    let id = |number| MessageId::new(Micros(now + number), conversation);
    let ids: Vec<_> = (0..count).map(id).collect();
    import_messages(world, ids.iter().copied(), world.kevin.id);
    ids
}
