//! What the owner of a webhook can do about its deliveries: test it, replace its secret, list and replay them.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::{join, join_all};
use ring::hmac;
use serde_json::{Value, json};
use shared::id::ConversationId;
use shared::store::Webhooks;
use shared::time::Micros;

use super::webhooks::{after, deliveries, gets, hooks, id, world};
use crate::harness::{Fault, Json, Person, Proxy, Received, Receiver, Response};

/// The path of something of a webhook.
fn path(webhook: &Value, of: &str) -> String {
    format!("/v1/webhooks/{}/{of}", id(webhook))
}

async fn rotates(person: &Person, webhook: &Value) -> Response {
    person.posts(&path(webhook, "secret"), ()).await
}

async fn tests(person: &Person, webhook: &Value) -> Response {
    person.posts(&path(webhook, "test"), ()).await
}

async fn replays(person: &Person, webhook: &Value, ids: &[String]) -> Response {
    let body = Json(json!({ "ids": ids }));
    person.posts(&path(webhook, "replay"), body).await
}

async fn lists(person: &Person, webhook: &Value, query: &str) -> Response {
    let path = format!("{}?{query}", path(webhook, "deliveries"));
    person.gets(&path).await.is(200)
}

/// Whether a delivery is signed with each of these secrets, in this order.
fn is_signed_with(delivery: &Received, secrets: &[&Value]) -> bool {
    let signed = format!("{}.{}.{}", delivery.id, delivery.timestamp, delivery.body);
    let signature = |secret: &&Value| {
        let key = secret.as_str().unwrap().strip_prefix("whsec_").unwrap();
        let key = BASE64_STANDARD.decode(key).unwrap();
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(signature))
    };
    let expected: Vec<_> = secrets.iter().map(signature).collect();
    delivery.signature == expected.join(" ")
}

#[tokio::test]
async fn a_previous_secret_is_valid_for_24_hours() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let created = hooks(&world.kate, &receiver).await;
    let rotated = rotates(&world.kate, &created).await.is(200).json();
    assert_ne!(rotated["secret"], created["secret"]);
    assert_eq!(rotated["id"], created["id"]);
    world.kevin.sends("hello").await;
    world.delivers().await;
    let both = [&rotated["secret"], &created["secret"]];
    assert!(is_signed_with(&receiver.takes()[0], &both));
    for (minutes, secrets) in [(24 * 60 - 1, &both[..]), (24 * 60 + 1, &both[..1])] {
        world.kevin.sends("hello").await;
        world.settles().await;
        world
            .delivers_due(after(Duration::from_mins(minutes)))
            .await;
        assert!(
            is_signed_with(&receiver.takes()[0], secrets),
            "after {minutes} minutes"
        );
    }
}

#[tokio::test]
async fn at_most_four_previous_secrets_sign_and_none_of_them_is_lost() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let created = hooks(&world.kate, &receiver).await;
    let rotated = join_all((0..8).map(|_| rotates(&world.kate, &created))).await;
    let (rotated, refused): (Vec<_>, Vec<_>) =
        rotated.into_iter().partition(|one| one.status == 200);
    assert_eq!(rotated.len(), 4);
    for refused in refused {
        refused.fails(409, "too_many_secrets", Value::Null);
    }
    world.kevin.sends("hello").await;
    world.delivers().await;
    let delivery = &receiver.takes()[0];
    let secrets = rotated.iter().map(|one| one.json()["secret"].clone());
    let secrets: BTreeSet<_> = secrets.map(|secret| secret.to_string()).collect();
    assert_eq!(secrets.len(), 4);
    let signatures: BTreeSet<_> = delivery.signature.split(' ').collect();
    assert_eq!(signatures.len(), 5);
    for response in rotated.iter().map(Response::json).chain([created.clone()]) {
        let signed = signatures.iter().any(|&signature| {
            let delivery = Received {
                signature: signature.to_owned(),
                ..delivery.clone()
            };
            is_signed_with(&delivery, &[&response["secret"]])
        });
        assert!(signed);
    }
    let later = after(Duration::from_hours(25));
    let host = world.host().clock(move || later).start().await;
    rotates(&world.kate.at(&host), &created).await.is(200);
}

#[tokio::test]
async fn a_test_is_posted_at_once_whatever_the_webhook_is_for() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let form = format!("url={}&events[]=message.updated", receiver.url());
    let webhook = world.kate.posts("/v1/webhooks", form).await.is(201).json();
    let sent = world.kevin.sends("hello").await;
    world.delivers().await;
    receiver.responds(500, &[]);
    world.kate.reacts(&sent, "heart").await.is(200);
    world.delivers().await;
    assert!(gets(&world.kate, &webhook).await["failing_since"].is_u64());
    receiver.responds(204, &[]);
    receiver.takes();
    let put = tests(&world.kate, &webhook).await.is(202).json();
    assert_eq!(put["status"], "waiting");
    let no_result = ["last_status", "last_error"].map(|name| put.get(name));
    assert_eq!(no_result, [Some(&Value::Null); 2]);
    // Other new deliveries wait for the schedule, as the webhook is failing.
    world.kate.reacts(&sent, "smile").await.is(200);
    world.delivers().await;
    let [test] = &receiver.takes()[..] else {
        panic!("one delivery");
    };
    assert_eq!(put["id"], *test.id);
    let body = test.json();
    assert_eq!(body["type"], "webhook.test");
    let data = json!({
        "type": "webhook.test", "message_id": null, "conversation_id": null, "message": null, "conversation": null,
    });
    assert_eq!((&body["data"], &body["recipients"]), (&data, &Value::Null));
    assert!(is_signed_with(test, &[&webhook["secret"]]));
    assert!(gets(&world.kate, &webhook).await["failing_since"].is_null());
    let listed = lists(&world.kate, &webhook, "status=delivered")
        .await
        .json();
    let mut delivered = put.clone();
    delivered["status"] = json!("delivered");
    delivered["attempts"] = json!(1);
    delivered["last_status"] = json!(204);
    delivered["next_attempt_at"] = Value::Null;
    assert_eq!(listed["data"], json!([delivered]));
}

#[tokio::test]
async fn a_webhook_that_is_disabled_is_not_tested_and_nothing_is_replayed() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    let put = tests(&world.kate, &webhook).await.is(202).json();
    let ids = [put["id"].as_str().unwrap().to_owned()];
    world.delivers().await;
    receiver.takes();
    let store = world.store().clone().with_webhooks(Webhooks::Disabled);
    let kate = world
        .kate
        .at(&crate::harness::serve(world.stack(), &store).await);
    let off = "webhooks_disabled";
    tests(&kate, &webhook).await.fails(403, off, Value::Null);
    replays(&kate, &webhook, &ids)
        .await
        .fails(403, off, Value::Null);
    rotates(&kate, &webhook).await.is(200);
    lists(&kate, &webhook, "").await;
    let one = format!("/v1/webhooks/{}", id(&webhook));
    world.kate.puts(&one, "is_enabled=false").await.is(200);
    let off = "webhook_not_enabled";
    let tested = tests(&world.kate, &webhook).await;
    tested.fails(409, off, Value::Null);
    let replayed = replays(&world.kate, &webhook, &ids).await;
    replayed.fails(409, off, Value::Null);
    world.delivers_due(after(Duration::from_hours(1))).await;
    assert!(receiver.takes().is_empty());
    assert_eq!(deliveries(&world), ["delivered"]);
}

#[tokio::test]
async fn deliveries_are_listed_newest_first_in_pages_and_by_status() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    let mut sent = Vec::new();
    for _ in 0..7 {
        sent.push(world.kevin.sends("hello").await);
    }
    world.delivers().await;
    receiver.responds(500, &[]);
    let reacted = world.kate.reacts(&sent[0], "heart").await;
    reacted.is(200);
    world.delivers().await;
    let all = lists(&world.kate, &webhook, "limit=100").await;
    assert_eq!(all.ids().len(), 8);
    assert!(all.ids().is_sorted_by(|newer, older| newer > older));
    let mut found = Vec::new();
    let mut query = "limit=3".to_owned();
    loop {
        let page = lists(&world.kate, &webhook, &query).await;
        found.extend(page.ids());
        if page.json()["has_more"] == false {
            break;
        }
        query = format!("limit=3&starting_after={}", found.last().unwrap());
    }
    assert_eq!(found, all.ids());
    let before = format!("limit=3&ending_before={}", found[5]);
    let before = lists(&world.kate, &webhook, &before).await;
    assert_eq!(before.ids(), found[2..5]);
    let waiting = lists(&world.kate, &webhook, "status=waiting").await.json();
    let [waiting] = &waiting["data"].as_array().unwrap()[..] else {
        panic!("one waits");
    };
    assert_eq!(
        ["type", "status", "attempts", "last_status", "message_id"].map(|name| &waiting[name]),
        [
            &json!("message.updated"),
            &json!("waiting"),
            &json!(1),
            &json!(500),
            &json!(sent[0])
        ]
    );
    let next = waiting["next_attempt_at"].as_u64().unwrap();
    let created = waiting["created_at"].as_u64().unwrap();
    assert!((60..200).contains(&(next - created)), "{waiting}");
    let delivered = lists(&world.kate, &webhook, "status=delivered&limit=100").await;
    assert_eq!(delivered.ids().len(), 7);
    for query in ["status=lost", "starting_after=x", "limit=0", "state=failed"] {
        let response = world
            .kate
            .gets(&format!("{}?{query}", path(&webhook, "deliveries")))
            .await;
        assert_eq!(response.status, 400, "{query}");
    }
}

#[tokio::test]
async fn the_last_attempt_has_a_status_or_an_error() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    let one = format!("/v1/webhooks/{}", id(&webhook));
    let to_receiver = format!("url={}", receiver.url());
    let closed = "url=http://127.0.0.1:1/closed";
    let attempts = [
        (500, &*to_receiver, json!(["waiting", 500, null])),
        (500, closed, json!(["waiting", null, "connection_failed"])),
        (500, &*to_receiver, json!(["waiting", 500, null])),
        (500, closed, json!(["waiting", null, "connection_failed"])),
        (204, &*to_receiver, json!(["delivered", 204, null])),
    ];
    let sent = world.kevin.sends("hello").await;
    world.settles().await;
    for (attempt, (status, url, expected)) in (1..).zip(attempts) {
        receiver.responds(status, &[]);
        world.kate.puts(&one, url).await.is(200);
        // By then, the next attempt is due.
        world
            .delivers_due(after(Duration::from_hours(attempt * 6)))
            .await;
        let listed = lists(&world.kate, &webhook, "").await.json();
        let [delivery] = &listed["data"].as_array().unwrap()[..] else {
            panic!("one delivery");
        };
        assert_eq!(delivery["message_id"], *sent);
        assert_eq!(delivery["attempts"], attempt);
        let result = ["status", "last_status", "last_error"].map(|name| &delivery[name]);
        assert_eq!(json!(result), expected);
    }
    world.kate.puts(&one, closed).await.is(200);
    let test = tests(&world.kate, &webhook).await.is(202).json();
    world.delivers().await;
    let failed = lists(&world.kate, &webhook, "status=failed").await.json();
    let failed = &failed["data"][0];
    assert_eq!(failed["id"], test["id"]);
    assert_eq!(
        (&failed["last_status"], &failed["last_error"]),
        (&Value::Null, &json!("connection_failed"))
    );
}

#[tokio::test]
async fn a_failed_delivery_is_found_among_thousands() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    let delivery = |number: usize| {
        let status = if number == 0 { "failed" } else { "delivered" };
        json!({
            "webhook_id": {"S": id(&webhook)},
            "id": {"S": format!("1xXn2e{number:011}")},
            "contact_id": {"S": world.kate.id.to_string()},
            "entry": {"S": format!("v{}", ConversationId::random())},
            "changed_at": {"N": "1795523106"},
            "attempts": {"N": "1"},
            "delivery_status": {"S": status},
            "expires_at": {"N": "1798115106"},
        })
    };
    world.import_items("DeliveriesTable", (0..12_000).map(delivery).collect());
    let first = lists(&world.kate, &webhook, "status=failed").await;
    assert_eq!(first.ids(), [""; 0]);
    assert_eq!(first.json()["has_more"], true);
    let cost = first.cost();
    assert!(cost.capacity_units < 300.0, "{cost:?}");
    let mut next = first.link("next");
    let mut pages = 1;
    let mut found = Vec::new();
    while let Some(link) = next {
        let page = world.kate.gets(&link).await.is(200);
        found.extend(page.ids());
        pages += 1;
        next = page
            .link("next")
            .filter(|_| page.json()["has_more"] == true);
    }
    assert_eq!(found, ["1xXn2e00000000000"]);
    assert_eq!(pages, 3);
}

#[tokio::test]
async fn what_has_failed_is_replayed_with_the_same_id() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    receiver.responds(410, &[]);
    for _ in 0..3 {
        world.kevin.sends("hello").await;
    }
    world.delivers().await;
    receiver.takes();
    receiver.responds(204, &[]);
    let one = format!("/v1/webhooks/{}", id(&webhook));
    world.kate.puts(&one, "is_enabled=true").await.is(200);
    let failed = lists(&world.kate, &webhook, "status=failed").await.ids();
    assert_eq!(failed.len(), 3);
    let replayed = replays(&world.kate, &webhook, &failed).await.is(202);
    assert_eq!(replayed.json(), json!({"queued": 3}));
    world.delivers_due(after(Duration::ZERO)).await;
    let posted = receiver.takes().into_iter().map(|one| one.id);
    let failed: BTreeSet<_> = failed.into_iter().collect();
    assert_eq!(posted.collect::<BTreeSet<_>>(), failed);
    assert_eq!(deliveries(&world), ["delivered"; 3]);
}

#[tokio::test]
async fn a_replay_does_all_or_nothing() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    let other = hooks(&world.kate, &receiver).await;
    world.kevin.sends("hello").await;
    world.delivers().await;
    receiver.takes();
    let ids = lists(&world.kate, &webhook, "").await.ids();
    let others = lists(&world.kate, &other, "").await.ids();
    for unknown in [others[0].clone(), "1xXn2eK7dQ0bLr94S".to_owned()] {
        let replayed = replays(&world.kate, &webhook, &[ids[0].clone(), unknown.clone()]).await;
        let refused = replayed.fails(404, "delivery_not_found", "ids[]").json();
        assert!(refused["message"].as_str().unwrap().contains(&unknown));
    }
    let many: Vec<_> = (0..101).map(|number| format!("{number:017}")).collect();
    for wrong in [
        &[][..],
        &[ids[0].clone(), ids[0].clone()],
        &many,
        &["x".to_owned()],
    ] {
        assert_eq!(replays(&world.kate, &webhook, wrong).await.status, 400);
    }
    world.delivers_due(after(Duration::from_hours(1))).await;
    assert!(receiver.takes().is_empty());
}

#[tokio::test]
async fn a_delivery_that_waits_can_be_attempted_now_and_has_ten_attempts_again() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    receiver.responds(500, &[]);
    world.kevin.sends("hello").await;
    world.delivers().await;
    for minutes in [2, 10, 60, 300] {
        world
            .delivers_due(after(Duration::from_mins(minutes)))
            .await;
    }
    assert_eq!(receiver.takes().len(), 5);
    let waiting = lists(&world.kate, &webhook, "status=waiting").await.ids();
    world.delivers_due(after(Duration::ZERO)).await;
    assert_eq!(receiver.takes().len(), 0);
    let replayed = replays(&world.kate, &webhook, &waiting).await.is(202);
    assert_eq!(replayed.json(), json!({"queued": 1}));
    world.delivers_due(after(Duration::ZERO)).await;
    assert_eq!(receiver.takes().len(), 1);
    for hours in 1..5 * 24 {
        world.delivers_due(after(Duration::from_hours(hours))).await;
    }
    assert_eq!(receiver.takes().len(), 9);
    assert_eq!(deliveries(&world), ["failed"]);
}

#[tokio::test]
async fn a_replay_during_an_attempt_is_not_overwritten_by_its_result() {
    for late in [204, 410, 500] {
        let world = world().await;
        let receiver = Receiver::start().await;
        let webhook = hooks(&world.kate, &receiver).await;
        world.kevin.sends("hello").await;
        world.settles().await;
        let release = receiver.holds_next();
        let later = after(Duration::from_mins(2));
        let attempt = world.delivers_due(later);
        let replay = async {
            receiver.has_held().await;
            let ids = lists(&world.kate, &webhook, "").await.ids();
            let replayed = replays(&world.kate, &webhook, &ids).await.is(202);
            assert_eq!(replayed.json(), json!({"queued": 1}));
            // The next attempt has the same number as the one that is still being made.
            world.delivers_due(later).await;
            assert_eq!(deliveries(&world), ["delivered"]);
            release.send(late).unwrap();
        };
        join(attempt, replay).await;
        let ids = receiver.takes().into_iter().map(|one| one.id);
        let ids: Vec<_> = ids.collect();
        assert_eq!(ids[0], ids[1]);
        assert_eq!(
            (ids.len(), deliveries(&world)),
            (2, vec!["delivered".to_owned()])
        );
    }
}

/// Otherwise the replay would be lost: the first attempt has succeeded, and the owner wants another one.
#[tokio::test]
async fn a_replay_during_an_attempt_that_succeeds_is_made() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    world.kevin.sends("hello").await;
    world.settles().await;
    let release = receiver.holds_next();
    let attempt = world.delivers_due(after(Duration::from_mins(2)));
    let replay = async {
        receiver.has_held().await;
        let ids = lists(&world.kate, &webhook, "").await.ids();
        replays(&world.kate, &webhook, &ids).await.is(202);
        release.send(204).unwrap();
    };
    join(attempt, replay).await;
    assert_eq!(deliveries(&world), ["waiting"]);
    world.delivers_due(after(Duration::ZERO)).await;
    assert_eq!(receiver.takes().len(), 2);
    assert_eq!(deliveries(&world), ["delivered"]);
}

#[tokio::test]
async fn a_secret_is_replaced_once_although_the_response_of_dynamodb_was_lost() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let created = hooks(&world.kate, &receiver).await;
    let proxy = Proxy::start(world.engine()).await;
    let host = world.host().proxy(proxy.url()).start().await;
    let kate = world.kate.at(&host);
    // The first request of a token writes more.
    kate.gets("/v1/me").await.is(200);
    proxy.inject(
        "UpdateItem",
        1,
        Fault::ErrorAfterwards("InternalServerError"),
    );
    let rotated = rotates(&kate, &created).await.is(200).json();
    assert!(proxy.is_done());
    world.kevin.sends("hello").await;
    world.delivers().await;
    let both = [&rotated["secret"], &created["secret"]];
    assert!(is_signed_with(&receiver.takes()[0], &both));
}

#[tokio::test]
async fn a_test_is_attempted_once_and_a_webhook_gets_one_a_minute() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    receiver.responds(500, &[]);
    // At the end of a minute the next test is another one.
    let now = after(Duration::ZERO);
    let clock = Micros(now.0 - now.0 % 60_000_000 + 5_000_000);
    let host = world.host().clock(move || clock).start().await;
    let kate = world.kate.at(&host);
    let all = join_all((0..5).map(|_| tests(&kate, &webhook))).await;
    let ids = all
        .into_iter()
        .map(|one| one.is(202).json()["id"].to_string());
    assert_eq!(ids.collect::<BTreeSet<_>>().len(), 1);
    world.delivers().await;
    assert_eq!(receiver.takes().len(), 1);
    assert_eq!(deliveries(&world), ["failed"]);
    assert!(gets(&world.kate, &webhook).await["failing_since"].is_null());
    let again = tests(&kate, &webhook).await.is(202).json();
    assert_eq!(
        (&again["status"], &again["last_status"]),
        (&json!("failed"), &json!(500))
    );
    world.delivers_due(after(Duration::from_hours(24))).await;
    assert_eq!(receiver.takes().len(), 0);
    let clock = Micros(clock.0 + 60_000_000);
    let host = world.host().clock(move || clock).start().await;
    tests(&world.kate.at(&host), &webhook).await.is(202);
    world.delivers().await;
    assert_eq!(receiver.takes().len(), 1);
}

#[tokio::test]
async fn deliveries_are_for_the_owner_of_the_webhook() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&world.kate, &receiver).await;
    world.kevin.sends("secret").await;
    world.delivers().await;
    let list = path(&webhook, "deliveries");
    let theirs = world.buzz.gets(&list).await;
    theirs.fails(404, "webhook_not_found", "id");
    let ids = lists(&world.kate, &webhook, "").await.ids();
    for theirs in [
        replays(&world.buzz, &webhook, &ids).await,
        rotates(&world.buzz, &webhook).await,
        tests(&world.buzz, &webhook).await,
    ] {
        theirs.fails(404, "webhook_not_found", "id");
    }
    let stored = json!(world.items("DeliveriesTable")).to_string();
    assert!(!stored.contains("secret"));
}
