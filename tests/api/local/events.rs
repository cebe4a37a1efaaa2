//! The feed of changes: its events, their order, who gets them, and when cursors expire.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dynoxide::types::AttributeValue;
use futures_util::future::join_all;
use local_stack::functions;
use local_stack::streams::{invocation, records_after};
use serde_json::{Value, json};
use shared::time::{Clock, Micros};

use crate::harness::{Json, Person, World, serve};

/// A contact's cursor after everything that has happened.
pub async fn begins(world: &World, person: &Person) -> String {
    world.settles().await;
    person.begins_events().await
}

/// A contact's events after a cursor, in pages of `limit`, with the last cursor.
pub async fn reads_all(
    world: &World,
    person: &Person,
    cursor: &str,
    limit: usize,
) -> (Vec<Value>, String) {
    world.settles().await;
    let (mut events, mut cursor) = (Vec::new(), cursor.to_owned());
    loop {
        let page = person.gets_events(&cursor, limit).await.is(200).json();
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= limit, "{page}");
        events.extend_from_slice(data);
        page["cursor"].as_str().unwrap().clone_into(&mut cursor);
        if page["has_more"] == false {
            return (events, cursor);
        }
    }
}

/// What a contact's events after a cursor are: their types and the text of their messages.
async fn reads(world: &World, person: &Person, cursor: &str) -> Vec<(String, Option<String>)> {
    let (events, _) = reads_all(world, person, cursor, 100).await;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let brief = |event: &Value| {
        let of_type = text(&event["type"]).unwrap();
        (of_type, text(&event["message"]["message"]))
    };
    events.iter().map(brief).collect()
}

fn created(text: &str) -> (String, Option<String>) {
    ("message.created".to_owned(), Some(text.to_owned()))
}

fn updated(text: &str) -> (String, Option<String>) {
    ("message.updated".to_owned(), Some(text.to_owned()))
}

fn deleted() -> (String, Option<String>) {
    ("message.deleted".to_owned(), None)
}

fn left() -> (String, Option<String>) {
    ("conversation.deleted".to_owned(), None)
}

fn resync() -> (String, Option<String>) {
    ("resync".to_owned(), None)
}

#[tokio::test]
async fn a_client_that_was_offline_catches_up() {
    let world = World::new().await;
    let edited = world.kevin.sends("befor").await;
    let removed = world.kevin.sends("soon gone").await;
    world.settles().await;
    let cursor = begins(&world, &world.kate).await;
    assert_eq!(reads(&world, &world.kate, &cursor).await, []);

    world.kevin.sends("one").await;
    world.kate.sends("two").await;
    world
        .kevin
        .updates_message(&edited, "message=before")
        .await
        .is(200);
    world.kevin.deletes_message(&removed).await.is(204);
    world.linnie.sends_and_deletes().await;
    world.settles().await;
    let three = world.linnie.sends("three").await;
    world.settles().await;
    world.kate.reacts(&three, "heart").await.is(200);

    let expected = [
        created("one"),
        created("two"),
        updated("before"),
        deleted(),
        deleted(),
        created("three"),
    ];
    assert_eq!(reads(&world, &world.kate, &cursor).await, expected);
    // With a page for each entry, a message shows where it was sent and where it changed.
    let (events, end) = reads_all(&world, &world.kate, &cursor, 1).await;
    assert_eq!(events.len(), 7);
    assert_eq!(events[5]["type"], "message.created");
    assert_eq!(events[6]["type"], "message.updated");
    let message = world.kate.gets_message(&three).await.is(200).json();
    assert_eq!(
        message["reactions"],
        json!([{ "heart": [world.kate.username] }])
    );
    for event in &events[5..] {
        assert_eq!(event["message"], message);
        assert_eq!(event["message_id"], three);
        assert_eq!(event["conversation_id"], json!(world.conversation));
    }
    assert_eq!(reads(&world, &world.kate, &end).await, []);
}

/// Of two sends at the same moment, the transaction of the one with the earlier id can end last.
#[tokio::test]
async fn a_message_that_becomes_visible_late_is_in_the_feed() {
    let world = World::new().await;
    let cursor = begins(&world, &world.kate).await;
    let newest = world.kevin.sends("first visible").await;
    let (events, cursor) = reads_all(&world, &world.kate, &cursor, 100).await;
    assert_eq!(events.len(), 1);
    let mut item = world.items("MessagesTable").remove(0);
    let created_at: u64 = item["created_at"]["N"].as_str().unwrap().parse().unwrap();
    item["created_at"]["N"] = json!((created_at - 1).to_string());
    item["message"]["S"] = json!("visible late");
    world.put_item("MessagesTable", &item);
    assert_eq!(
        reads(&world, &world.kate, &cursor).await,
        [created("visible late")]
    );
    // In the list, it is behind what the client knows.
    let newer = format!("ending_before={newest}");
    let newer = world.kate.lists_messages(&newer).await.is(200);
    assert_eq!(newer.texts(), Vec::<String>::new());
}

#[tokio::test]
async fn who_does_not_listen_gets_no_entries() {
    let world = World::new().await;
    world.kevin.sends("unheard").await;
    world.settles().await;
    assert_eq!(world.items("FeedTable"), Vec::<Value>::new());
    assert_eq!(world.items("ListenersTable"), Vec::<Value>::new());
    begins(&world, &world.kate).await;
    world.kevin.sends("heard").await;
    world.settles().await;
    let feed = world.items("FeedTable");
    assert_eq!(feed.len(), 1);
    assert_eq!(feed[0]["contact_id"]["S"], json!(world.kate.id));
    assert_eq!(feed[0]["entries"]["L"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_long_feed_is_read_from_every_cursor() {
    let world = World::new().await;
    let mut cursors = vec![begins(&world, &world.kate).await];
    for number in 0..100 {
        world.kevin.sends(&number.to_string()).await;
        if number % 7 == 0 {
            let (_, end) = reads_all(&world, &world.kate, &cursors[0], 100).await;
            cursors.push(end);
        }
    }
    let (all, _) = reads_all(&world, &world.kate, &cursors[0], 100).await;
    assert_eq!(all.len(), 100);
    for (count, cursor) in cursors.iter().enumerate().skip(1) {
        let (events, _) = reads_all(&world, &world.kate, cursor, 1 + count).await;
        assert_eq!(events, all[(count - 1) * 7 + 1..]);
    }
    let mut sorted = cursors.clone();
    sorted.sort();
    assert_eq!(cursors, sorted);

    let segments = world.items("FeedTable");
    let open = segments
        .iter()
        .filter(|item| item.get("expires_at").is_none());
    assert_eq!(open.count(), 1);
    // All but the last have 16 to 31 entries.
    assert!((4..=7).contains(&segments.len()), "{}", segments.len());
}

#[tokio::test]
async fn a_batch_of_many_messages_fills_segments() {
    let world = World::new().await;
    let cursor = begins(&world, &world.kate).await;
    for number in 0..90 {
        world.kevin.sends(&number.to_string()).await;
    }
    let (events, _) = reads_all(&world, &world.kate, &cursor, 100).await;
    assert_eq!(events.len(), 90);
    for item in world.items("FeedTable") {
        assert!(item["entries"]["L"].as_array().unwrap().len() <= 31);
    }
}

#[tokio::test]
async fn a_page_fits_into_a_response() {
    let world = World::new().await;
    let cursor = begins(&world, &world.kate).await;
    // In JSON, each quotation mark takes two bytes.
    let text = "\"".repeat(30_000);
    for _ in 0..60 {
        let body = json!({ "conversation_id": world.conversation, "message": text });
        world.kevin.posts("/v1/messages", Json(body)).await.is(201);
    }
    world.settles().await;
    let first = world.kate.gets_events(&cursor, 100).await.is(200);
    assert!(first.text.len() < 5 * 1024 * 1024);
    let first = first.json();
    assert_eq!(first["has_more"], true);
    let count = first["data"].as_array().unwrap().len();
    assert!((20..60).contains(&count), "{count}");
    let rest = reads_all(&world, &world.kate, first["cursor"].as_str().unwrap(), 100).await;
    assert_eq!(count + rest.0.len(), 60);
}

#[tokio::test]
async fn who_has_left_sees_messages_deleted_and_nothing_new() {
    let world = World::new().await;
    let cursor = begins(&world, &world.linnie).await;
    world.kevin.sends("before").await;
    world.settles().await;
    world.linnie.leaves_conversation().await.is(204);
    world.kevin.sends("after").await;
    assert_eq!(
        reads(&world, &world.linnie, &cursor).await,
        [deleted(), left()]
    );
}

#[tokio::test]
async fn only_their_participants_get_events_of_a_conversation() {
    let world = World::new().await;
    let cursor = begins(&world, &world.buzz).await;
    world.kevin.sends("not for Buzz").await;
    assert_eq!(reads(&world, &world.buzz, &cursor).await, []);
    let alone = world.buzz.within(world.buzz.conversation);
    alone.sends("to myself").await;
    assert_eq!(
        reads(&world, &world.buzz, &cursor).await,
        [created("to myself")]
    );
}

#[tokio::test]
async fn a_pending_participant_gets_the_events_that_it_can_read() {
    let world = World::new().await;
    let cursor = begins(&world, &world.buzz).await;
    let kevin = world.kevin.creates_conversation(&[&world.buzz], "").await;
    kevin.sends("Hello, stranger").await;
    let buzz = world.buzz.within(kevin.conversation);
    assert_eq!(buzz.gets_conversation().await.json()["is_pending"], true);
    let joined = ("conversation.created".to_owned(), None);
    assert_eq!(
        reads(&world, &buzz, &cursor).await,
        [joined, created("Hello, stranger")]
    );
    buzz.leaves_conversation().await.is(204);
    assert_eq!(reads(&world, &buzz, &cursor).await, [left(), deleted()]);
}

#[tokio::test]
async fn a_contact_reads_only_its_own_feed() {
    let world = World::new().await;
    let cursor = begins(&world, &world.kate).await;
    let of_kevin = begins(&world, &world.kevin).await;
    world.kevin.gets_events(&of_kevin, 1).await.is(200);
    // Both before and after this instance has seen Kevin's token.
    let fresh = world.kevin.at(&world.host().start().await);
    for kevin in [&fresh, &world.kevin] {
        let refused = kevin.gets_events(&cursor, 1).await;
        refused.fails(400, "parameter_invalid", "after");
    }
    for malformed in [
        "x",
        "",
        &cursor[1..],
        &format!("{cursor}0"),
        &cursor.replace('0', "-"),
    ] {
        let refused = world.kate.gets_events(malformed, 1).await;
        refused.fails(400, "parameter_invalid", "after");
    }
}

#[tokio::test]
async fn positions_that_the_feed_never_had_are_expired() {
    let world = World::new().await;
    let cursor = begins(&world, &world.kate).await;
    world.kevin.sends("one").await;
    world.settles().await;
    let (segment, index) = cursor.split_at(24);
    assert_eq!(index, "0");
    let (before, _) = cursor.split_at(18);
    for beyond in [
        format!("{segment}2"),
        format!("{segment}z"),
        format!("{before}0000010"),
        format!("{before}zzzzzz0"),
    ] {
        let refused = world.kate.gets_events(&beyond, 1).await;
        refused.fails(410, "cursor_expired", "after");
    }
    let of_linnie = cursor.replace(&world.kate.id.to_string(), &world.linnie.id.to_string());
    let refused = world.linnie.gets_events(&of_linnie, 1).await;
    refused.fails(410, "cursor_expired", "after");
}

#[tokio::test]
async fn a_feed_that_is_created_again_does_not_take_older_cursors() {
    let world = World::new().await;
    let older = begins(&world, &world.kate).await;
    world.kevin.sends("lost").await;
    world.settles().await;
    let feed = segments(&world);
    removes_segment(&world, feed[0]);
    let listener = [("contact_id", AttributeValue::S(world.kate.id.to_string()))];
    world.delete_item("ListenersTable", &listener);
    let later = Clock::system().now().after(Duration::from_secs(1));
    let kate = world
        .kate
        .at(&world.host().clock(move || later).start().await);
    let newer = kate.begins_events().await;
    assert!(newer > older);
    let refused = kate.gets_events(&older, 1).await;
    refused.fails(410, "cursor_expired", "after");
    assert_eq!(reads(&world, &kate, &newer).await, []);
}

/// The numbers of the segments of Kate's feed.
fn segments(world: &World) -> Vec<u64> {
    let number = |item: &Value| {
        item["segment_number"]["N"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    };
    let mut numbers: Vec<_> = world.items("FeedTable").iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// Removes a segment of Kate's feed, as its time to live does.
fn removes_segment(world: &World, number: u64) {
    let key = [
        ("contact_id", AttributeValue::S(world.kate.id.to_string())),
        ("segment_number", AttributeValue::N(number.to_string())),
    ];
    world.delete_item("FeedTable", &key);
}

const DAY: u64 = 24 * 60 * 60 * 1_000_000;

#[tokio::test]
async fn a_cursor_expires_when_the_feed_has_not_been_read_for_30_days() {
    let world = World::new().await;
    world.settles().await;
    let now = Arc::new(AtomicU64::new(Clock::system().now().0));
    let url = world.host().clock_at(&now).start().await;
    let kate = world.kate.at(&url);
    let cursor = kate.begins_events().await;
    for _ in 0..3 {
        now.fetch_add(30 * DAY, Ordering::Relaxed);
        kate.gets_events(&cursor, 1).await.is(200);
    }
    now.fetch_add(31 * DAY, Ordering::Relaxed);
    let expired = kate.gets_events(&cursor, 1).await;
    expired.fails(410, "cursor_expired", "after");
    // Nothing revives it: a new cursor makes it a resync.
    let renewed = kate.begins_events().await;
    assert_eq!(reads(&world, &kate, &renewed).await, []);
    assert_eq!(reads(&world, &kate, &cursor).await, [resync()]);
}

#[tokio::test]
async fn a_feed_gets_entries_for_a_day_longer_than_it_can_be_read() {
    let world = World::new().await;
    begins(&world, &world.kate).await;
    for (days, expected) in [(30, 1), (31, 2), (32, 2)] {
        world.kevin.sends("unread").await;
        let later = Micros(Clock::system().now().0 + days * DAY);
        let store = world.store().clone().with_clock(Clock::new(move || later));
        world.settles_with(&store).await.unwrap();
        let feed = world.items("FeedTable");
        let entries = feed[0]["entries"]["L"].as_array().unwrap();
        assert_eq!(entries.len(), expected, "after {days} days");
    }
}

#[tokio::test]
async fn what_was_not_recorded_is_a_resync_for_older_cursors() {
    let world = World::new().await;
    let tablet = begins(&world, &world.kate).await;
    world.kevin.sends("recorded").await;
    world.settles().await;
    let now = Arc::new(AtomicU64::new(Clock::system().now().0 + 40 * DAY));
    let kate = world.kate.at(&world.host().clock_at(&now).start().await);
    let later = Micros(now.load(Ordering::Relaxed));
    let store = world.store().clone().with_clock(Clock::new(move || later));
    world.kevin.sends("not recorded").await;
    world.settles_with(&store).await.unwrap();
    let phone = kate.begins_events().await;
    world.kevin.sends("recorded again").await;
    world.settles_with(&store).await.unwrap();
    let expected = [created("recorded"), resync(), created("recorded again")];
    assert_eq!(reads(&world, &kate, &tablet).await, expected);
    assert_eq!(
        reads(&world, &kate, &phone).await,
        [created("recorded again")]
    );
}

#[tokio::test]
async fn the_operator_can_renew_all_feeds() {
    let world = World::new().await;
    let old = begins(&world, &world.kate).await;
    let renewed = world.store().clone().with_feed_epoch("1".parse().unwrap());
    let kate = world.kate.at(&serve(world.stack(), &renewed).await);
    kate.gets_events(&old, 1)
        .await
        .fails(410, "cursor_expired", "after");
    let new = kate.begins_events().await;
    assert!(new > old);
    world.kevin.sends("hello").await;
    assert_eq!(reads(&world, &kate, &new).await, [created("hello")]);
}

/// Time to live can delete segments late, and in any order.
#[tokio::test]
async fn segments_that_have_expired_end_older_cursors_and_not_newer_ones() {
    for expired in 0..3 {
        let world = World::new().await;
        let old = begins(&world, &world.kate).await;
        for number in 0..36 {
            world.kevin.sends(&number.to_string()).await;
            world.settles().await;
        }
        let (events, new) = reads_all(&world, &world.kate, &old, 100).await;
        assert_eq!(events.len(), 36);
        let numbers = segments(&world);
        match expired {
            0 => removes_segment(&world, numbers[0]),
            1 => removes_segment(&world, numbers[1]),
            // Not deleted yet.
            _ => {
                let mut feed = world.items("FeedTable").into_iter();
                let number = json!(numbers[0].to_string());
                let mut first = feed.find(|item| item["segment_number"]["N"] == number);
                let first = first.as_mut().unwrap();
                first["expires_at"]["N"] = json!("1");
                world.put_item("FeedTable", first);
            }
        }
        let refused = world.kate.gets_events(&old, 100).await;
        refused.fails(410, "cursor_expired", "after");
        world.kevin.sends("after").await;
        assert_eq!(reads(&world, &world.kate, &new).await, [created("after")]);
    }
}

#[tokio::test]
async fn a_stale_hint_leads_to_the_newest_segment() {
    for first_exists in [true, false] {
        let world = World::new().await;
        let cursor = begins(&world, &world.kate).await;
        for number in 0..40 {
            world.kevin.sends(&number.to_string()).await;
            world.settles().await;
        }
        let (_, end) = reads_all(&world, &world.kate, &cursor, 100).await;
        let numbers = segments(&world);
        let mut listener = world.items("ListenersTable").remove(0);
        let newest = listener["segment_number"]["N"].clone();
        assert_eq!(newest, json!(numbers[2].to_string()));
        // An old hint can name any number of segments that have expired.
        let hint = if first_exists { numbers[0] } else { 0 };
        listener["segment_number"]["N"] = json!(hint.to_string());
        world.put_item("ListenersTable", &listener);
        world.kevin.sends("found").await;
        assert_eq!(reads(&world, &world.kate, &end).await, [created("found")]);
        let listener = world.items("ListenersTable").remove(0);
        assert_eq!(listener["segment_number"]["N"], newest);
    }
}

/// Kate's feed cannot be written to. Lambda repeats the record whose event she lacks, and those after it.
#[tokio::test]
async fn a_record_fails_if_one_of_its_feeds_does() {
    let world = World::new().await;
    let pair = world.new_conversation(&[&world.kevin, &world.linnie]).await;
    let (kate, linnie) = (
        begins(&world, &world.kate).await,
        begins(&world, &world.linnie).await,
    );
    let mut feed = world.items("FeedTable").into_iter();
    let is_kates = |item: &Value| item["contact_id"]["S"] == json!(world.kate.id);
    let intact = feed.find(is_kates).unwrap();
    let mut broken = intact.clone();
    broken["entries"] = json!({ "S": "broken" });
    world.put_item("FeedTable", &broken);
    world.kevin.within(pair).sends("to Linnie").await;
    world.kevin.sends("to all").await;
    world.kevin.within(pair).sends("to Linnie again").await;

    let database = world.engine().database();
    let records = records_after(database, "MessagesTable", None).unwrap();
    let [_, second, _] = &records[..] else {
        panic!("not three records: {records:?}")
    };
    let event = invocation(&records.iter().collect::<Vec<_>>(), String::new()).unwrap();
    let publish = functions::of_streams()["publish-changes"].clone();
    let outcome = publish(world.store().clone(), event).await;
    let failed = second["dynamodb"]["SequenceNumber"].as_str();
    assert_eq!(outcome.first_failure(), failed);
    assert!(failed.is_some());

    world.put_item("FeedTable", &intact);
    assert_eq!(reads(&world, &world.kate, &kate).await, [created("to all")]);
    let mut linnies = reads(&world, &world.linnie, &linnie).await;
    linnies.sort();
    let all = ["to Linnie", "to Linnie again", "to all"];
    assert_eq!(linnies, all.map(created));
}

#[tokio::test]
async fn two_devices_that_begin_at_once_get_the_same_feed() {
    let world = World::new().await;
    world.settles().await;
    let begun = (0..8).map(|_| world.kate.begins_events());
    let cursors = join_all(begun).await;
    world.kevin.sends("hello").await;
    let distinct: BTreeSet<_> = cursors.into_iter().collect();
    for cursor in distinct {
        assert_eq!(
            reads(&world, &world.kate, &cursor).await,
            [created("hello")]
        );
    }
}

/// No version of this code has written such an item. A retry would only block the records after it.
#[tokio::test]
async fn records_that_cannot_be_read_are_skipped() {
    let world = World::new().await;
    let cursor = begins(&world, &world.kate).await;
    world.put_item("ConversationsTable", &json!({ "id": {"S": "unreadable"} }));
    let id = json!({ "S": "0000000000000000" });
    world.put_item(
        "ConversationsTable",
        &json!({ "id": id, "name": {"N": "1"} }),
    );
    world.put_item(
        "MessagesTable",
        &json!({ "conversation_id": {"S": "unreadable"}, "created_at": {"N": "1"} }),
    );
    world.kevin.sends("hello").await;
    assert_eq!(
        reads(&world, &world.kate, &cursor).await,
        [created("hello")]
    );
}
