//! `last_active_at` of a contact, and what recording it costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use shared::time::{Clock, Micros};

use crate::harness::{Fault, Person, Proxy, World};

/// Returns the `last_active_at` of `person` that `reader` sees.
async fn last_active(reader: &Person, person: &Person) -> serde_json::Value {
    let path = format!("/v1/contacts/{}", person.id);
    reader.gets(&path).await.is(200).json()["last_active_at"].clone()
}

#[tokio::test]
async fn a_request_updates_last_active_at_at_most_once_a_minute() {
    let world = World::active().await;
    let kate = world.new_person("kate").await;
    world.new_conversation(&[&world.kevin, &kate]).await;
    let start = Clock::system().now();
    let now = Arc::new(AtomicU64::new(start.0));
    let host = world.host().clock_at(&now).start().await;
    let kate = kate.at(&host);
    let seconds = |now: u64| json!(now / 1_000_000);
    assert_eq!(
        last_active(&world.kevin, &kate).await,
        serde_json::Value::Null
    );
    let first = kate.gets("/v1/me").await.is(200).cost();
    assert_eq!(last_active(&world.kevin, &kate).await, seconds(start.0));
    now.store(start.0 + 59_000_000, Ordering::Relaxed);
    let second = kate.gets("/v1/me").await.is(200).cost();
    assert_eq!(last_active(&world.kevin, &kate).await, seconds(start.0));
    now.store(start.0 + 60_000_000, Ordering::Relaxed);
    let third = kate.gets("/v1/me").await.is(200).cost();
    assert_eq!(
        last_active(&world.kevin, &kate).await,
        seconds(start.0 + 60_000_000)
    );
    assert_eq!([first.calls, second.calls, third.calls], [4, 3, 4]);
    let write_units = first.capacity_units - second.capacity_units;
    assert!((write_units - 1.0).abs() < f64::EPSILON, "{write_units}");
    assert_eq!(
        [first.round_trips, third.round_trips],
        [second.round_trips; 2],
        "concurrently with other calls"
    );
}

#[tokio::test]
async fn another_instance_does_not_write_a_recent_last_active_at_again() {
    let world = World::active().await;
    let before = last_active(&world.kate, &world.kevin).await;
    let soon = Micros(Clock::system().now().0 + 30_000_000);
    let kevin = world
        .kevin
        .at(&world.host().clock(move || soon).start().await);
    let first = kevin.gets("/v1/me").await.is(200).cost();
    let second = kevin.gets("/v1/me").await.is(200).cost();
    assert_eq!([first.calls, second.calls], [4, 3], "only the first tries");
    assert_eq!(last_active(&world.kate, &world.kevin).await, before);
    let later = Micros(soon.0 + 60_000_000);
    let kevin = world
        .kevin
        .at(&world.host().clock(move || later).start().await);
    kevin.gets("/v1/me").await.is(200);
    assert_eq!(
        last_active(&world.kate, &world.kevin).await,
        json!(later.0 / 1_000_000)
    );
}

#[tokio::test]
async fn a_failure_to_write_last_active_at_does_not_fail_the_request() {
    let world = World::active().await;
    let proxy = Proxy::start(world.engine()).await;
    let kevin = world
        .kevin
        .at(&world.host().proxy(proxy.url()).start().await);
    for fault in [Fault::Error("AccessDeniedException"), Fault::NoResponse] {
        proxy.inject("UpdateItem", 1, fault);
        kevin.gets("/v1/me").await.is(200);
    }
    assert!(proxy.is_done());
}
