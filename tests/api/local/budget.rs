//! The budget of a contact in capacity units: who is refused, when and at what cost, and what is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::id::ContactId;
use shared::store::{Budget, Limits};
use shared::time::{Clock, Micros};

use crate::harness::{Cost, Fault, Proxy, Response, World};

const WINDOW: Duration = Duration::from_hours(1);

fn budget(units: u64) -> Limits {
    let window = WINDOW;
    Limits {
        budget: Budget { units, window },
        ..Limits::default()
    }
}

/// A clock that stands still, 600 seconds before a window ends.
fn clock() -> (Arc<AtomicU64>, impl Fn() -> Micros + Send + Sync + Clone) {
    let window = u64::try_from(WINDOW.as_micros()).unwrap();
    let now = Clock::system().now().0;
    let now = Arc::new(AtomicU64::new(now - now % window + window - 600_000_000));
    let clock = now.clone();
    (now, move || Micros(clock.load(Ordering::Relaxed)))
}

/// What a request has consumed, with what DynamoDB does not report.
fn units(response: &Response) -> f64 {
    let unreported = response.log_line()["unreported_units"].as_f64().unwrap();
    response.cost().capacity_units + unreported
}

/// The total of all instances, which the item of the contact has.
fn stored_total(world: &World, contact: ContactId) -> f64 {
    let key = json!({"TableName": "ContactsTable", "Key": {"id": {"S": contact.to_string()}}});
    let get = serde_json::from_value(key).unwrap();
    let item = world.engine().database().get_item(get).unwrap().item;
    let item = serde_json::to_value(item.unwrap()).unwrap();
    let spent = item["spent"]["N"].as_str();
    spent.map_or(0.0, |spent| spent.parse().unwrap())
}

#[tokio::test]
async fn a_contact_over_its_budget_is_refused_until_the_window_ends() {
    let world = World::new().await;
    let (now, clock) = clock();
    let host = world.host().limits(budget(40)).clock(clock);
    let host = host.start().await;
    let kevin = world.kevin.at(&host);
    let mut total = 0.0;
    while total < 40.0 {
        total += units(&kevin.gets("/v1/me").await.is(200));
    }
    let refused = kevin.gets("/v1/me").await.fails(429, "budget_exceeded", ());
    assert_eq!(refused.header("retry-after"), "600");
    // the token
    assert_eq!(
        refused.cost(),
        Cost {
            calls: 1,
            round_trips: 1,
            capacity_units: 1.0
        }
    );
    let line = refused.log_line();
    assert_eq!(line["error"], "budget_exceeded");
    assert_eq!(line["contact_id"], json!(kevin.id));
    // Each contact has a budget of its own.
    world.kate.at(&host).gets("/v1/me").await.is(200);
    now.fetch_add(599_000_000, Ordering::Relaxed);
    let refused = kevin.gets("/v1/me").await.is(429);
    assert_eq!(refused.header("retry-after"), "1");
    now.fetch_add(1_000_000, Ordering::Relaxed);
    kevin.gets("/v1/me").await.is(200);
}

#[tokio::test]
async fn a_refused_request_costs_the_token_read_on_every_endpoint_that_read_ahead_before() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    let (_, clock) = clock();
    let host = world.host().limits(budget(1000)).clock(clock);
    let kevin = world.kevin.at(&host.start().await);
    // A page in one round trip: token and participation are in the access cache.
    let list = async || kevin.lists_messages("").await;
    list().await.is(200);
    assert_eq!(list().await.is(200).cost().round_trips, 1);
    while list().await.status == 200 {}
    assert_eq!(list().await.is(429).cost().calls, 1);
    // Other functions are other instances, which know after their first flush.
    while kevin.gets_message(&id).await.status == 200 {}
    while kevin.gets_conversation().await.status == 200 {}
    for refused in [
        list().await,
        kevin.gets_message(&id).await,
        kevin.gets_message("malformed").await,
        kevin.gets_conversation().await,
    ] {
        let cost = refused.is(429).cost();
        assert_eq!((cost.calls, cost.capacity_units), (1, 1.0));
    }
}

#[tokio::test]
async fn a_contact_over_its_budget_must_still_authenticate() {
    let world = World::new().await;
    let (_, clock) = clock();
    let host = world.host().limits(budget(40)).clock(clock).start().await;
    let kevin = world.kevin.at(&host);
    let created = kevin.posts("/v1/tokens", "").await.is(201).json();
    let other = kevin.with_token(created["token"].as_str().unwrap());
    while other.gets("/v1/me").await.status == 200 {}
    kevin.gets("/v1/me").await.fails(429, "budget_exceeded", ());
    kevin
        .with_token("unknown")
        .gets("/v1/me")
        .await
        .fails(401, "token_invalid", ());
    let revoked = world.kevin.revokes_token(created["id"].as_str().unwrap());
    revoked.await.is(204);
    other.gets("/v1/me").await.fails(401, "token_invalid", ());
}

#[tokio::test]
async fn without_a_budget_nothing_is_counted() {
    let world = World::new().await;
    let kevin = world.kevin.at(&world.host().start().await);
    for _ in 0..20 {
        kevin.gets("/v1/me").await.is(200);
    }
    assert!(stored_total(&world, kevin.id).abs() < f64::EPSILON);
}

#[tokio::test]
async fn everything_that_requests_consume_is_counted_with_canceled_transactions() {
    let world = World::new().await;
    let (_, clock) = clock();
    // Flushed after each request.
    let host = world.host().limits(budget(199)).clock(clock).start().await;
    let kevin = world.kevin.at(&host);
    let mut total = 0.0;
    for key in ["key", "key", "other", "key"] {
        let sent = kevin.sends_with_key(key, "hello").await.is(201);
        total += units(&sent);
        // The write that flushes is counted with the next one.
        let pending = total - stored_total(&world, kevin.id);
        assert!((1.0..=2.0).contains(&pending), "{pending} of {total}");
    }
}

#[tokio::test]
async fn fifty_instances_overdraw_a_budget_by_at_most_their_flush_amounts_and_a_request_each() {
    const INSTANCES: usize = 50;
    const BUDGET: u64 = 2000;
    let world = World::new().await;
    for _ in 0..10 {
        world.kate.sends("hello").await;
    }
    let (_, clock) = clock();
    let spend = async || {
        let host = world.host().limits(budget(BUDGET)).clock(clock.clone());
        let kevin = world.kevin.at(&host.start().await);
        let (mut total, mut highest) = (0.0, 0.0_f64);
        loop {
            let response = kevin.lists_messages("limit=10").await;
            if response.status == 429 {
                return (total, highest);
            }
            let units = units(&response.is(200));
            total += units;
            highest = highest.max(units);
        }
    };
    let results = join_all((0..INSTANCES).map(|_| spend())).await;
    let total: f64 = results.iter().map(|(total, _)| total).sum();
    let highest = results.iter().map(|(_, units)| *units).fold(0.0, f64::max);
    let (budget, instances) = (2000.0, 50.0);
    let bound = budget + instances * (budget / 100.0 + highest);
    println!("{INSTANCES} instances spent {total} of {BUDGET}, bound {bound}");
    assert!(total >= budget && total <= bound, "{total}");
}

#[tokio::test]
async fn an_instance_that_finds_the_activity_written_keeps_its_units_for_later() {
    let world = World::new().await;
    let (now, clock) = clock();
    let start = async || {
        let host = world.host().limits(budget(50_000)).clock(clock.clone());
        world.kevin.at(&host.start().await)
    };
    let (first, second) = (start().await, start().await);
    let mut total = 0.0;
    for _ in 0..3 {
        for kevin in [&first, &second] {
            total += units(&kevin.gets("/v1/me").await.is(200));
            total += units(&kevin.gets("/v1/me").await.is(200));
        }
        now.fetch_add(60_000_000, Ordering::Relaxed);
    }
    let last = [
        first.gets("/v1/me").await.is(200),
        second.gets("/v1/me").await.is(200),
    ];
    let stored = stored_total(&world, first.id);
    assert!((stored - total).abs() < f64::EPSILON, "{stored} of {total}");
    assert!(last.iter().all(|last| last.cost().calls == 4), "{last:?}");
}

#[tokio::test]
async fn units_are_not_counted_twice_if_a_response_is_lost() {
    let world = World::new().await;
    let proxy = Proxy::start(world.engine()).await;
    let (_, clock) = clock();
    let host = world.host().limits(budget(99)).clock(clock);
    let kevin = world.kevin.at(&host.proxy(proxy.url()).start().await);
    let mut total = units(&kevin.gets("/v1/me").await.is(200));
    let lost = Fault::ErrorAfterwards("InternalServerError");
    for fault in [lost, Fault::NoResponse, lost] {
        proxy.inject("UpdateItem", 1, fault);
        for _ in 0..2 {
            total += units(&kevin.gets("/v1/me").await.is(200));
        }
        let stored = stored_total(&world, kevin.id);
        assert!(stored <= total, "{fault:?}: {stored} of {total}");
    }
    assert!(proxy.is_done());
}

#[tokio::test]
async fn an_instance_that_cannot_flush_refuses_when_it_has_spent_the_budget_alone() {
    let world = World::new().await;
    let proxy = Proxy::start(world.engine()).await;
    let (_, clock) = clock();
    let host = world.host().limits(budget(40)).clock(clock);
    let kevin = world.kevin.at(&host.proxy(proxy.url()).start().await);
    kevin.gets("/v1/me").await.is(200);
    proxy.inject("UpdateItem", 1000, Fault::Error("ThrottlingException"));
    let mut total = 0.0;
    let refused = loop {
        let response = kevin.gets("/v1/me").await;
        if response.status == 429 {
            break response;
        }
        total += units(&response.is(200));
    };
    assert!((30.0..=40.0).contains(&total), "{total}");
    assert_eq!(refused.json()["param"], Value::Null);
    assert!(stored_total(&world, kevin.id) < 5.0);
}
