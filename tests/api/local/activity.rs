//! When a contact was last active: to the minute, and hardly at any cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use shared::time::{Clock, Micros};

use crate::harness::{Fault, Person, Proxy, World};

/// When `friend` sees that `person` was last active.
async fn last_active(friend: &Person, person: &Person) -> serde_json::Value {
    let path = format!("/v1/contacts/{}", person.id);
    friend.gets(&path).await.is(200).json()["last_active_at"].clone()
}

#[tokio::test]
async fn a_request_shows_as_activity_to_the_minute_and_is_written_once_a_minute() {
    let world = World::awake().await;
    let kate = world.newcomer("kate").await;
    world.kevin.begins(&[&kate], "").await;
    let start = Clock::system().now();
    let now = Arc::new(AtomicU64::new(start.0));
    let clock = now.clone();
    let host = world
        .host_at(move || Micros(clock.load(Ordering::Relaxed)))
        .await;
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
    assert_eq!([first.calls, second.calls, third.calls], [3, 2, 3]);
    let more = first.capacity_units - second.capacity_units;
    assert!((more - 1.0).abs() < f64::EPSILON, "{more}");
    assert_eq!(
        [first.round_trips, third.round_trips],
        [second.round_trips; 2],
        "beside the others"
    );
}

#[tokio::test]
async fn another_instance_finds_it_written_and_does_not_write_again() {
    let world = World::awake().await;
    let before = last_active(&world.kate, &world.kevin).await;
    let soon = Micros(Clock::system().now().0 + 30_000_000);
    let kevin = world.kevin.at(&world.new_host_at(soon).await);
    let first = kevin.gets("/v1/me").await.is(200).cost();
    let second = kevin.gets("/v1/me").await.is(200).cost();
    assert_eq!([first.calls, second.calls], [3, 2], "it has asked once");
    assert_eq!(last_active(&world.kate, &world.kevin).await, before);
    let later = Micros(soon.0 + 60_000_000);
    let kevin = world.kevin.at(&world.new_host_at(later).await);
    kevin.gets("/v1/me").await.is(200);
    assert_eq!(
        last_active(&world.kate, &world.kevin).await,
        json!(later.0 / 1_000_000)
    );
}

#[tokio::test]
async fn that_activity_cannot_be_written_is_no_reason_to_refuse_a_request() {
    let world = World::awake().await;
    let proxy = Proxy::before(world.engine()).await;
    let kevin = world.kevin.at(&world.host_behind(&proxy).await);
    for fault in [Fault::Refuses("AccessDeniedException"), Fault::NeverAnswers] {
        proxy.will("UpdateItem", 1, fault);
        kevin.gets("/v1/me").await.is(200);
    }
    assert!(proxy.is_done());
}
