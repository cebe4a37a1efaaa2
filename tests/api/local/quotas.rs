//! How many conversations a contact may create, and how many participants it may add, per day.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use shared::store::Limits;
use shared::time::{Clock, Micros};

use crate::harness::{Response, World};

const DAY: u64 = 86_400_000_000;

fn quotas(conversations_per_day: u64, participants_per_day: u64) -> Limits {
    Limits {
        conversations_per_day,
        participants_per_day,
        ..Limits::default()
    }
}

/// A clock that stands still, an hour before a day ends.
fn clock() -> (Arc<AtomicU64>, impl Fn() -> Micros + Send + Sync + Clone) {
    let now = Clock::system().now().0;
    let now = Arc::new(AtomicU64::new(now - now % DAY + DAY - 3_600_000_000));
    let clock = now.clone();
    (now, move || Micros(clock.load(Ordering::Relaxed)))
}

/// Asserts that the request exceeded a quota, and that the message names it.
#[track_caller]
fn exceeds(response: Response, what: &str) -> Response {
    let response = response.fails(429, "quota_exceeded", ());
    let message = response.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains(what), "{message}");
    assert_eq!(response.log_line()["error"], "quota_exceeded");
    response
}

#[tokio::test]
async fn a_contact_creates_only_so_many_conversations_a_day() {
    let world = World::new().await;
    let (now, clock) = clock();
    let host = world.host().limits(quotas(3, 0)).clock(clock).start().await;
    let (kevin, others) = (world.kevin.at(&host), [&world.kate, &world.linnie]);
    let create = async || kevin.tries_to_create_conversation(&others, "").await;
    for _ in 0..3 {
        create().await.is(201);
    }
    let refused = exceeds(create().await, "create at most 3 conversations a day");
    assert_eq!(refused.header("retry-after"), "3600");
    assert_eq!(refused.log_line()["write_units"], 0.0);
    // The quota of the others is their own.
    let kate = world.kate.at(&host);
    kate.creates_conversation(&[&world.kevin], "name=x").await;
    now.fetch_add(3_600_000_000, Ordering::Relaxed);
    for _ in 0..3 {
        create().await.is(201);
    }
    exceeds(create().await, "conversations");
}

#[tokio::test]
async fn a_contact_adds_only_so_many_participants_a_day() {
    let world = World::new().await;
    let (_, clock) = clock();
    let host = world.host().limits(quotas(0, 4)).clock(clock).start().await;
    let kevin = world.kevin.at(&host);
    // Those of a new conversation count.
    let kevin = kevin
        .creates_conversation(&[&world.kate, &world.linnie], "name=Home")
        .await;
    kevin.adds_participant(&world.buzz).await.is(200);
    // Who is there already does not count.
    for _ in 0..3 {
        kevin.adds_participant(&world.buzz).await.is(200);
    }
    // Neither does what fails.
    let unknown = format!("/v1/conversations/{}/participants", kevin.conversation);
    kevin.posts(&unknown, "participants[]=nobody").await.is(404);
    let [one, other] = [world.new_person("one").await, world.new_person("two").await];
    let both = format!(
        "participants[]={}&participants[]={}",
        one.username, other.username
    );
    exceeds(
        kevin.posts(&unknown, both).await,
        "add at most 4 participants a day",
    );
    kevin.adds_participant(&one).await.is(200);
    exceeds(kevin.adds_participant(&other).await, "participants");
    exceeds(
        kevin.tries_to_create_conversation(&[&other], "").await,
        "participants",
    );
    // A conversation of one adds nobody.
    kevin
        .tries_to_create_conversation(&[&kevin], "name=Notes")
        .await
        .is(201);
}

#[tokio::test]
async fn the_conversation_that_two_already_have_does_not_count() {
    let world = World::new().await;
    let host = world.host().limits(quotas(2, 2)).start().await;
    let kevin = world.kevin.at(&host);
    let with_kate = async || kevin.tries_to_create_conversation(&[&world.kate], "").await;
    with_kate().await.is(201);
    for _ in 0..3 {
        with_kate().await.is(200);
    }
    kevin
        .tries_to_create_conversation(&[&world.linnie], "")
        .await
        .is(201);
    exceeds(
        kevin.tries_to_create_conversation(&[&world.buzz], "").await,
        "conversations",
    );
    with_kate().await.is(200);
}

#[tokio::test]
async fn concurrent_requests_do_not_exceed_a_quota() {
    let world = World::new().await;
    let hosts = join_all((0..4).map(|_| world.host().limits(quotas(10, 0)).start())).await;
    let create = async |host: &String| {
        let kevin = world.kevin.at(host);
        kevin
            .tries_to_create_conversation(&[&world.kate], "name=x")
            .await
            .status
            .as_u16()
    };
    let created = join_all(hosts.iter().cycle().take(20).map(create)).await;
    let count = |status| created.iter().filter(|&&created| created == status).count();
    assert_eq!((count(201), count(429)), (10, 10), "{created:?}");
}

#[tokio::test]
async fn without_quotas_creating_costs_what_it_did() {
    let world = World::new().await;
    let kevin = world.kevin.at(&world.host().start().await);
    let create = async || {
        kevin
            .tries_to_create_conversation(&[&world.kate], "name=x")
            .await
    };
    create().await.is(201);
    // token, username; two contacts, acquaintance and the mark that they are complete; conversation and two
    // memberships: 2 each, and their index; two acquaintances; the conversation again
    let cost = create().await.is(201).cost();
    assert_eq!(
        (cost.calls, cost.capacity_units),
        (8, 2.0 + 4.0 + 6.0 + 2.0 + 2.0 + 1.0)
    );
}
