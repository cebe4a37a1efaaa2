//! Webhooks: what is posted to them, when it is repeated, and what may not be reached.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::join_all;
use local_stack::functions;
use local_stack::stack::listen;
use local_stack::streams::{invocation, records_after};
use ring::hmac;
use serde_json::{Value, json};
use shared::key::Scope;
use shared::store::Webhooks;
use shared::time::{Clock, Micros};

use crate::harness::{Chaos, Json, Person, Received, Receiver, World, whole_log};

/// Creates a webhook for all events. Returns it.
pub async fn hooks(person: &Person, receiver: &Receiver) -> Value {
    let form = format!("url={}", receiver.url());
    person.posts("/v1/webhooks", &*form).await.is(201).json()
}

pub fn id(webhook: &Value) -> &str {
    webhook["id"].as_str().unwrap()
}

pub async fn gets(person: &Person, webhook: &Value) -> Value {
    let path = format!("/v1/webhooks/{}", id(webhook));
    person.gets(&path).await.is(200).json()
}

pub fn after(duration: Duration) -> Micros {
    Clock::system().now().after(duration)
}

/// The status of each delivery.
pub fn deliveries(world: &World) -> Vec<String> {
    let items = world.items("DeliveriesTable").into_iter();
    let mut statuses: Vec<_> = items
        .map(|item| item["delivery_status"]["S"].as_str().unwrap().to_owned())
        .collect();
    statuses.sort();
    statuses
}

pub async fn world() -> World {
    let world = World::new().await;
    world.settles().await;
    world
}

#[tokio::test]
async fn a_webhook_gets_what_the_feed_gets() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    let cursor = world.kate.begins_events().await;
    let id = world.kevin.sends("hello").await;
    world.delivers().await;
    let [delivery] = &receiver.takes()[..] else {
        panic!("one delivery");
    };
    let body = delivery.json();
    let events = world.kate.gets_events(&cursor, 100).await.is(200).json();
    assert_eq!(body["type"], "message.created");
    assert_eq!(body["data"], events["data"][0]);
    assert_eq!(body["data"]["message_id"], *id);
    // What the specification says is signed, with what the owner was told.
    let secret = webhook["secret"].as_str().unwrap();
    let key = secret.strip_prefix("whsec_").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(key).unwrap());
    let signed = format!("{}.{}.{}", delivery.id, delivery.timestamp, delivery.body);
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
    assert_eq!(delivery.signature, format!("v1,{signature}"));
    assert_eq!(deliveries(&world), ["delivered"]);
    world.delivers().await;
    world.delivers_due(after(Duration::from_hours(1))).await;
    assert!(receiver.takes().is_empty());
}

#[tokio::test]
async fn a_webhook_gets_the_events_that_it_is_for() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let form = format!("url={}&events[]=message.created", receiver.url());
    let webhook = world
        .kate
        .posts("/v1/webhooks", &*form)
        .await
        .is(201)
        .json();
    let sent = world.kevin.sends("hello").await;
    world.delivers().await;
    world.kate.reacts(&sent, "heart").await.is(200);
    let deleted = world.kevin.sends("deleted before it is posted").await;
    world.settles().await;
    world.kevin.deletes_message(&deleted).await.is(204);
    world.delivers().await;
    let types: Vec<_> = receiver.takes().iter().map(Received::event_type).collect();
    assert_eq!(types, ["message.created"]);
    // What turned out to be another event is forgotten.
    assert_eq!(deliveries(&world), ["delivered"]);
    let path = format!("/v1/webhooks/{}", id(&webhook));
    let all = world
        .kate
        .puts(&path, Json(json!({ "events": null })))
        .await;
    assert_eq!(all.is(200).json()["events"], Value::Null);
    world.kevin.deletes_message(&sent).await.is(204);
    world.delivers().await;
    assert_eq!(receiver.takes()[0].event_type(), "message.deleted");
}

#[tokio::test]
async fn a_receiver_that_was_down_for_three_days_gets_everything() {
    let world = world().await;
    let receiver = Receiver::start().await;
    receiver.responds(500, &[]);
    let webhook = hooks(&world.kate, &receiver).await;
    let mut sent = BTreeSet::new();
    for index in 0..30 {
        sent.insert(world.kevin.sends(&index.to_string()).await);
    }
    // Twenty at once; as they fail, the schedule attempts the others.
    world.delivers().await;
    world.delivers_due(after(Duration::from_mins(2))).await;
    let first: BTreeSet<_> = receiver.takes().into_iter().map(|one| one.id).collect();
    assert_eq!(first.len(), 30);
    for minutes in (2..=72 * 60).step_by(20) {
        world
            .delivers_due(after(Duration::from_mins(minutes)))
            .await;
    }
    let attempts = receiver.takes();
    let again: BTreeSet<_> = attempts.iter().map(|one| one.id.clone()).collect();
    assert_eq!(again, first);
    assert!(attempts.len() <= 30 * 8, "{} attempts", attempts.len());
    assert!(gets(&world.kate, &webhook).await["failing_since"].is_u64());
    receiver.responds(200, &[]);
    for hours in 73..=100 {
        world.delivers_due(after(Duration::from_hours(hours))).await;
    }
    let posted = receiver.takes();
    let messages = posted.iter().map(|one| {
        let id = one.json()["data"]["message_id"].clone();
        id.as_str().unwrap().to_owned()
    });
    assert_eq!(messages.collect::<BTreeSet<_>>(), sent);
    assert_eq!(posted.len(), 30);
    assert_eq!(deliveries(&world), vec!["delivered"; 30]);
    assert!(gets(&world.kate, &webhook).await["failing_since"].is_null());
}

#[tokio::test]
async fn a_delivery_fails_after_ten_attempts_in_four_days_and_the_webhook_is_disabled() {
    let world = world().await;
    let receiver = Receiver::start().await;
    receiver.responds(302, &[("location", "/elsewhere")]);
    let webhook = hooks(&world.kate, &receiver).await;
    world.kevin.sends("hello").await;
    world.delivers().await;
    for hours in 1..5 * 24 {
        world.delivers_due(after(Duration::from_hours(hours))).await;
    }
    assert_eq!(receiver.takes().len(), 10);
    assert_eq!(deliveries(&world), ["failed"]);
    assert_eq!(gets(&world.kate, &webhook).await["is_enabled"], true);
    let later = after(Duration::from_hours(5 * 24 + 1));
    let store = world.store().clone().with_clock(Clock::new(move || later));
    world.kevin.sends("five days later").await;
    world.delivers_with(&store).await;
    // It has failed before, so its attempt waits for the schedule.
    assert_eq!(receiver.takes().len(), 0);
    // The webhook is disabled only when this delivery has failed four times.
    for hours in [2, 3, 4] {
        world
            .delivers_due(after(Duration::from_hours(5 * 24 + hours)))
            .await;
        let enabled = gets(&world.kate, &webhook).await;
        assert_eq!(enabled["is_enabled"], true, "after {hours} hours");
    }
    world
        .delivers_due(after(Duration::from_hours(5 * 24 + 5)))
        .await;
    let disabled = gets(&world.kate, &webhook).await;
    assert_eq!(disabled["is_enabled"], false);
    assert_eq!(disabled["disabled_because"], "failing");
    assert_eq!(receiver.takes().len(), 4);
    world
        .kevin
        .sends("sent while the webhook is disabled")
        .await;
    world.delivers_with(&store).await;
    assert!(receiver.takes().is_empty());
    receiver.responds(200, &[]);
    let path = format!("/v1/webhooks/{}", id(&webhook));
    let enabled = world
        .kate
        .puts(&path, "is_enabled=true")
        .await
        .is(200)
        .json();
    assert_eq!(
        (
            &enabled["is_enabled"],
            &enabled["disabled_because"],
            &enabled["failing_since"]
        ),
        (&json!(true), &Value::Null, &Value::Null)
    );
    world.kevin.sends("enabled again").await;
    world.delivers_with(&store).await;
    assert_eq!(receiver.takes().len(), 1);
}

#[tokio::test]
async fn a_receiver_can_end_or_postpone_deliveries() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    receiver.responds(429, &[("retry-after", "7200")]);
    world.kevin.sends("hello").await;
    world.delivers().await;
    world.delivers_due(after(Duration::from_mins(119))).await;
    assert_eq!(receiver.takes().len(), 1);
    receiver.responds(410, &[]);
    world.delivers_due(after(Duration::from_mins(121))).await;
    assert_eq!(receiver.takes().len(), 1);
    assert_eq!(deliveries(&world), ["failed"]);
    assert_eq!(
        gets(&world.kate, &webhook).await["disabled_because"],
        "gone"
    );
}

#[tokio::test]
async fn an_attempt_that_was_interrupted_is_repeated_and_one_of_two_instances_makes_it() {
    let world = world().await;
    let receiver = Receiver::start().await;
    hooks(&world.kate, &receiver).await;
    world.kevin.sends("hello").await;
    // The function that publishes has put it, and the stream leads to nothing.
    world.settles().await;
    world.delivers_due(after(Duration::ZERO)).await;
    assert!(receiver.takes().is_empty());
    let due = after(Duration::from_mins(2));
    join_all((0..8).map(|_| world.delivers_due(due))).await;
    assert_eq!(receiver.takes().len(), 1);
    assert_eq!(deliveries(&world), ["delivered"]);
}

/// Five more than are attempted at once.
async fn sends_25(world: &World) {
    for _ in 0..25 {
        world.kevin.sends("hello").await;
    }
}

#[tokio::test]
async fn a_receiver_that_cannot_be_reached_does_not_delay_others() {
    let world = world().await;
    let dead = "url=http://127.0.0.1:1/closed";
    world.kate.posts("/v1/webhooks", dead).await.is(201);
    let receiver = Receiver::start().await;
    hooks(&world.kate, &receiver).await;
    sends_25(&world).await;
    world.delivers().await;
    assert_eq!(receiver.takes().len(), 25);
    let attempts = |item: &Value| item["attempts"]["N"] == "1" && item["due_at"].is_object();
    let items = world.items("DeliveriesTable");
    // Twenty at once, and then no more for now.
    assert_eq!(items.iter().filter(|item| attempts(item)).count(), 20);
}

#[tokio::test]
async fn one_missing_response_does_not_delay_other_deliveries() {
    let world = world().await;
    let receiver = Receiver::start().await;
    hooks(&world.kate, &receiver).await;
    sends_25(&world).await;
    drop(receiver.holds_next());
    world.delivers().await;
    assert_eq!(receiver.takes().len(), 25);
    let statuses = deliveries(&world);
    assert_eq!(statuses[..24], ["delivered"; 24]);
    assert_eq!(statuses[24..], ["waiting"]);
}

#[tokio::test]
async fn a_busy_receiver_gets_no_more_deliveries_for_now() {
    let world = world().await;
    let receiver = Receiver::start().await;
    hooks(&world.kate, &receiver).await;
    sends_25(&world).await;
    // The other responses succeed, so it is not because the webhook is failing.
    receiver.holds_next().send(503).unwrap();
    world.delivers().await;
    assert_eq!(receiver.takes().len(), 20);
}

#[tokio::test]
async fn many_deliveries_to_a_dead_receiver_do_not_hide_those_to_others() {
    let world = world().await;
    let dead = "url=http://127.0.0.1:1/closed";
    let dead = world.kate.posts("/v1/webhooks", dead).await.is(201).json();
    let receiver = Receiver::start().await;
    hooks(&world.kate, &receiver).await;
    world.kevin.sends("hello").await;
    world.settles().await;
    let delivery = |number: usize| {
        json!({
            "webhook_id": {"S": id(&dead)},
            "id": {"S": format!("1xXn2e{number:011}")},
            "contact_id": {"S": world.kate.id.to_string()},
            "entry": {"S": "r"},
            "changed_at": {"N": "1795523106"},
            "attempts": {"N": "1"},
            "delivery_status": {"S": "waiting"},
            "retry_shard": {"S": (number % 4).to_string()},
            "due_at": {"N": "1795523106"},
            "expires_at": {"N": "1998115106"},
        })
    };
    world.import_items("DeliveriesTable", (0..50_000).map(delivery).collect());
    world.delivers_due(after(Duration::from_mins(2))).await;
    assert_eq!(receiver.takes().len(), 1);
}

/// Otherwise a receiver that is down gets the same deliveries again and again.
#[tokio::test]
async fn what_is_due_for_longest_is_attempted_first() {
    let world = world().await;
    let dead = "url=http://127.0.0.1:1/closed";
    world.kate.posts("/v1/webhooks", dead).await.is(201);
    for _ in 0..50 {
        world.kevin.sends("hello").await;
    }
    world.settles().await;
    // Each time twenty: the others are due for longer than those that were attempted before.
    for (minutes, attempted) in [(2, 20), (4, 40), (6, 50)] {
        world
            .delivers_due(after(Duration::from_mins(minutes)))
            .await;
        let items = world.items("DeliveriesTable").into_iter();
        let begun = items.filter(|item| item["attempts"]["N"] != "0");
        assert_eq!(begun.count(), attempted, "after {minutes} minutes");
    }
}

#[tokio::test]
async fn hosts_that_are_not_on_the_internet_are_not_reached() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    world.kevin.sends("hello").await;
    let store = world.store().clone().with_webhooks(Webhooks::Public);
    // As if the name of a host led there.
    world.delivers_with(&store).await;
    assert!(receiver.takes().is_empty());
    assert!(gets(&world.kate, &webhook).await["failing_since"].is_u64());
    assert_eq!(deliveries(&world), ["waiting"]);
    let items = world.items("DeliveriesTable");
    assert_eq!(items[0]["last_error"], json!({"S": "address_not_public"}));
}

#[tokio::test]
async fn only_https_urls_of_hosts_are_taken() {
    let world = world().await;
    let store = world.store().clone().with_webhooks(Webhooks::Public);
    let url = crate::harness::serve(world.stack(), &store).await;
    let kate = world.kate.at(&url);
    for refused in [
        "",
        "x",
        "example.com/hook",
        "http://example.com/hook",
        "ftp://example.com",
        "https://",
        "https://user:secret@example.com/",
        "https://user@example.com/",
        "https://example.com/#fragment",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://example.com:22/",
        "https://example.com:80/",
        "https://example.com:99999/",
        "https://example.com:/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1./",
        "https://example.com/ü",
        "https://exämple.com/",
        "https://a..b/",
        "https://a!b.com/",
        "https://-a.com/",
        &format!("https://{}.com/", "x".repeat(64)),
        &format!("https://example.com/{}", "x".repeat(2048)),
    ] {
        let response = kate
            .posts("/v1/webhooks", Json(json!({ "url": refused })))
            .await;
        response.fails(400, "parameter_invalid", "url");
    }
    for taken in [
        "https://example.com",
        "https://example.com:8443/a?b=c",
        "https://a.b:443/",
    ] {
        let response = kate
            .posts("/v1/webhooks", Json(json!({ "url": taken })))
            .await;
        assert_eq!(response.is(201).json()["url"], *taken);
    }
}

#[tokio::test]
async fn a_contact_has_at_most_ten_webhooks() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let form = format!("url={}", receiver.url());
    let created = join_all((0..15).map(|_| world.kate.posts("/v1/webhooks", &*form))).await;
    let mut statuses: Vec<_> = created.iter().map(|one| one.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[..10], [201; 10]);
    assert_eq!(statuses[10..], [409; 5]);
    let full = world.kate.posts("/v1/webhooks", &*form).await;
    full.fails(409, "too_many_webhooks", Value::Null);
    let list = world.kate.gets("/v1/webhooks").await.is(200);
    assert_eq!(list.ids().len(), 10);
    let page = world.kate.gets("/v1/webhooks?limit=4").await.is(200);
    let next = format!("/v1/webhooks?starting_after={}", page.ids()[3]);
    let next = world.kate.gets(&next).await.is(200);
    assert_eq!([page.ids(), next.ids()].concat(), list.ids());
    assert!(list.json()["data"][0].get("secret").is_none());
    let path = format!("/v1/webhooks/{}", list.ids()[3]);
    world
        .buzz
        .deletes(&path)
        .await
        .fails(404, "webhook_not_found", "id");
    world
        .buzz
        .gets(&path)
        .await
        .fails(404, "webhook_not_found", "id");
    let theirs = world.buzz.puts(&path, "is_enabled=false").await;
    theirs.fails(404, "webhook_not_found", "id");
    world.kate.deletes(&path).await.is(204);
    world
        .kate
        .deletes(&path)
        .await
        .fails(404, "webhook_not_found", "id");
    hooks(&world.kate, &receiver).await;
}

#[tokio::test]
async fn a_webhook_that_is_deleted_or_disabled_gets_nothing_more() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let deleted = hooks(&world.kate, &receiver).await;
    let disabled = hooks(&world.kate, &receiver).await;
    world.kevin.sends("hello").await;
    world.settles().await;
    let path = format!("/v1/webhooks/{}", id(&deleted));
    world.kate.deletes(&path).await.is(204);
    let path = format!("/v1/webhooks/{}", id(&disabled));
    world.kate.puts(&path, "is_enabled=false").await.is(200);
    world.delivers().await;
    world.kevin.sends("hello again").await;
    world.delivers().await;
    assert!(receiver.takes().is_empty());
    assert_eq!(deliveries(&world), ["failed"]);
}

#[tokio::test]
async fn the_webhooks_of_a_suspended_contact_get_nothing() {
    let world = world().await;
    let receiver = Receiver::start().await;
    hooks(&world.kate, &receiver).await;
    world.kevin.sends("hello").await;
    world.settles().await;
    let server = world.new_server(&[Scope::Contacts]).await;
    let path = format!("/v1/contacts/{}", world.kate.id);
    server.puts(&path, "suspended=true").await.is(200);
    world.delivers().await;
    assert!(receiver.takes().is_empty());
}

#[tokio::test]
async fn a_deployment_without_webhooks_posts_nothing() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    let store = world.store().clone().with_webhooks(Webhooks::Disabled);
    let url = crate::harness::serve(world.stack(), &store).await;
    let kate = world.kate.at(&url);
    let created = kate.posts("/v1/webhooks", "url=https://example.com").await;
    created.fails(403, "webhooks_disabled", Value::Null);
    let path = format!("/v1/webhooks/{}", id(&webhook));
    let enabled = kate.puts(&path, "is_enabled=true").await;
    enabled.fails(403, "webhooks_disabled", Value::Null);
    kate.puts(&path, "is_enabled=false").await.is(200);
    kate.gets("/v1/webhooks").await.is(200);
    world.kate.puts(&path, "is_enabled=true").await.is(200);
    world.kevin.sends("hello").await;
    world.delivers_with(&store).await;
    assert!(receiver.takes().is_empty());
    assert!(deliveries(&world).is_empty());
    kate.deletes(&path).await.is(204);
}

#[tokio::test]
async fn a_webhook_gets_events_after_100_days_without_a_read_of_the_feed() {
    let world = world().await;
    let receiver = Receiver::start().await;
    hooks(&world.kate, &receiver).await;
    let later = after(Duration::from_hours(100 * 24));
    let store = world.store().clone().with_clock(Clock::new(move || later));
    world.kevin.sends("hello").await;
    let before = world.items("FeedTable");
    world.delivers_with(&store).await;
    assert_eq!(receiver.takes().len(), 1);
    assert_eq!(world.items("FeedTable"), before);
}

#[tokio::test]
async fn the_files_of_a_delivered_message_have_the_urls_that_the_owner_gets() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    let file = world.kevin.uploads("house.png", b"bytes").await;
    let sent = world.kevin.tries_to_send_files("look", &[file]).await;
    let sent = sent.is(201).json();
    world.delivers().await;
    let shown = world.kate.gets_message(sent["id"].as_str().unwrap()).await;
    let attachments = &shown.is(200).json()["attachments"];
    assert!(
        attachments[0]["file_url"]
            .as_str()
            .unwrap()
            .starts_with("http")
    );
    let delivered = receiver.takes()[0].json();
    assert_eq!(delivered["data"]["message"]["attachments"], *attachments);
    // The owner moves to another host.
    let host = world.host().start().await;
    let kate = world.kate.at(&host);
    let path = format!("/v1/webhooks/{}", id(&webhook));
    kate.puts(&path, "events[]=message.updated").await.is(200);
    world
        .kevin
        .reacts(sent["id"].as_str().unwrap(), "heart")
        .await;
    world.delivers().await;
    let delivered = receiver.takes()[0].json();
    assert_ne!(delivered["data"]["message"]["attachments"], *attachments);
    let shown = kate.gets_message(sent["id"].as_str().unwrap()).await;
    assert_eq!(
        delivered["data"]["message"]["attachments"],
        shown.is(200).json()["attachments"]
    );
}

/// A later version can have written such a webhook.
#[tokio::test]
async fn a_webhook_that_cannot_be_read_is_skipped() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let skipped = hooks(&world.kate, &receiver).await;
    let mut item = world.items("WebhooksTable").remove(0);
    item["is_enabled"] = json!({ "S": "from Monday on" });
    world.put_item("WebhooksTable", &item);
    hooks(&world.kate, &receiver).await;
    world.kevin.sends("hello").await;
    world.delivers().await;
    assert_eq!(receiver.takes().len(), 1);
    let webhook_id = format!(r#""webhook_id":"{}""#, id(&skipped));
    let log = whole_log();
    let mut lines = log.lines().filter(|line| line.contains(&webhook_id));
    assert!(lines.any(|line| line.contains("skipped a webhook that cannot be read")));
}

#[tokio::test]
async fn a_batch_that_is_repeated_is_delivered_once() {
    let world = world().await;
    let receiver = Receiver::start().await;
    hooks(&world.kate, &receiver).await;
    world.kevin.sends("hello").await;
    world.settles().await;
    let first = world.items("DeliveriesTable");
    let records = records_after(world.engine().database(), "MessagesTable", None).unwrap();
    let records: Vec<_> = records.iter().collect();
    let event = invocation(&records, String::new()).unwrap();
    let publish = functions::of_streams()["publish-changes"].clone();
    publish(world.store().clone(), event).await;
    assert_eq!(world.items("DeliveriesTable").len(), first.len());
}

#[tokio::test]
async fn several_changes_of_a_message_can_be_posted_together() {
    let world = world().await;
    let receiver = Receiver::start().await;
    hooks(&world.kate, &receiver).await;
    let id = world.kevin.sends("hello").await;
    world.settles().await;
    for emoji in ["heart", "smile"] {
        world.kate.reacts(&id, emoji).await.is(200);
        world.settles().await;
    }
    world.delivers().await;
    let posted = receiver.takes();
    let types: BTreeSet<_> = posted.iter().map(Received::event_type).collect();
    assert_eq!(posted.len(), 3);
    assert_eq!(
        types,
        BTreeSet::from(["message.created".into(), "message.updated".into()])
    );
    for one in posted {
        let reactions = one.json()["data"]["message"]["reactions"].clone();
        assert_eq!(reactions.as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_is_forged_while_dynamodb_fails() {
    for seed in 0..10 {
        let world = world().await;
        let receivers = [Receiver::start().await, Receiver::start().await];
        let operator = world.new_server(&[Scope::Webhooks]).await;
        hooks(&world.kate, &receivers[0]).await;
        hooks(&operator, &receivers[1]).await;
        let mut sent = BTreeSet::new();
        for _ in 0..10 {
            sent.insert(world.kevin.sends("hello").await);
        }
        let chaos = Chaos::start(world.engine(), seed, false).await;
        let faulty = world.stack().store_at(chaos.url()).unwrap();
        // Lambda repeats a batch that fails, but not the deliveries of the stream.
        while world.settles_with(&faulty).await.is_err() {}
        let gateway = world.stack().gateway(&faulty).unwrap();
        let _ = gateway.deliver_new(world.engine()).await;
        for minutes in [2, 10, 60] {
            let now = after(Duration::from_mins(minutes));
            let store = faulty.clone().with_clock(Clock::new(move || now));
            let gateway = world.stack().gateway(&store).unwrap();
            let _ = gateway.deliver_due().await;
        }
        chaos.stop();
        world.delivers_due(after(Duration::from_hours(24))).await;
        for receiver in receivers {
            let posted = receiver.takes().into_iter().map(|one| {
                let id = one.json()["data"]["message_id"].clone();
                id.as_str().unwrap().to_owned()
            });
            assert_eq!(posted.collect::<BTreeSet<_>>(), sent, "seed {seed}");
        }
        assert_eq!(deliveries(&world), vec!["delivered"; 20], "seed {seed}");
    }
}

/// An endless response does not keep an instance busy.
#[tokio::test]
async fn a_response_is_read_up_to_16_kib() {
    let world = world().await;
    let listener = listen("127.0.0.1", 0).await.unwrap();
    let url = format!("url=http://{}/", listener.local_addr().unwrap());
    let endless = || async {
        let chunks = futures_util::stream::repeat(Ok::<_, Infallible>(vec![b'x'; 1024]));
        axum::body::Body::from_stream(chunks)
    };
    let router = axum::Router::new().fallback(endless);
    tokio::spawn(async move { axum::serve(listener, router).await });
    world.kate.posts("/v1/webhooks", &*url).await.is(201);
    world.kevin.sends("hello").await;
    world.delivers().await;
    assert_eq!(deliveries(&world), ["delivered"]);
}
