//! Erasing a contact in many requests: with other requests in between, interrupted, and several at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept};
use aws_sdk_dynamodb::error::BoxError;
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::caller::Caller;
use shared::contact::ContactRef;
use shared::key::Scope;
use shared::store::{ErasedContact, Inconsistency, Timeouts};
use shared::time::Clock;

use crate::erase_contact::is_empty;
use crate::harness::host::LONG_TIMEOUTS;
use crate::harness::{Person, World};

/// Timeouts with which each request does one step.
const ONE_STEP: Timeouts = Timeouts {
    cleanup: Duration::ZERO,
    ..LONG_TIMEOUTS
};

/// Everything that refers to Kevin, of each kind, in more steps than there are tables.
async fn let_kevin_write(world: &World) {
    let (kevin, kate) = (&world.kevin, &world.kate);
    kevin.begins_events().await;
    for _ in 0..30 {
        kevin.sends("mine").await;
    }
    world.settles().await;
    let of_kate = kate.sends("hers").await;
    for emoji in ["heart", "thumbsup"] {
        kevin.reacts(&of_kate, emoji).await.is(200);
    }
    let read = format!("read_up_to={of_kate}");
    kevin.updates_conversation(&read).await.is(200);
    for sent in [true, false] {
        let file = kevin.uploads("file", b"bytes").await;
        if sent {
            kevin.tries_to_send_files("", &[&file]).await.is(201);
        }
    }
    for name in ["name=One", "name=Two", ""] {
        let group = kevin.creates_conversation(&[kate], name).await;
        kate.within(group.conversation).sends("hers").await;
    }
    let alone = kevin.creates_conversation(&[kate], "name=Alone").await;
    let there = kate.within(alone.conversation);
    there.sends("bye").await;
    there.leaves_conversation().await.is(204);
    world.linnie.blocks(kevin).await;
    let webhook = "url=http://127.0.0.1:1/closed";
    kevin.posts("/v1/webhooks", webhook).await.is(201);
    world.kate.sends("posted to Kevin").await;
    world.settles().await;
    assert!(!world.items("DeliveriesTable").is_empty());
    let name = format!("username=New.{}", kevin.id);
    kevin.puts("/v1/me", name).await.is(200);
}

/// The items of all tables that name Kevin, except for conversations that he created.
fn remaining(world: &World) -> Vec<Value> {
    let kevin = world.kevin.id.to_string();
    let tables = [
        "MessagesTable",
        "AttachmentsTable",
        "InboxTable",
        "ConversationsTable",
        "MembershipsTable",
        "AcquaintancesTable",
        "ContactsTable",
        "TokensTable",
        "TokenIdsTable",
        "IdempotencyTable",
        "ReadsTable",
        "ReportsTable",
        "EditsTable",
        "FeedTable",
        "ListenersTable",
        "WebhooksTable",
        "DeliveriesTable",
    ];
    let items = tables.iter().flat_map(|table| world.items(table));
    let named = items.map(|mut item| {
        item.as_object_mut().unwrap().remove("creator");
        item
    });
    named
        .filter(|item| item.to_string().contains(&kevin))
        .collect()
}

/// Kevin is erased, and nothing else is damaged.
async fn assert_erased(world: &World) {
    assert_eq!(remaining(world), Vec::<Value>::new());
    assert_eq!(world.files(), Vec::<String>::new());
    assert_eq!(world.items("MessagesTable").len(), 5, "Kate's");
    world.kevin.gets("/v1/me").await.is(401);
    world.settles().await;
    let found = world.inconsistencies().await;
    assert!(found.is_empty(), "{found:?}");
}

async fn server(world: &World) -> Person {
    world.new_server(&Scope::ALL).await
}

#[tokio::test]
async fn an_erasure_in_single_steps_counts_what_it_erases_and_ends() {
    let world = World::new().await;
    let_kevin_write(&world).await;
    let host = world.host().timeouts(ONE_STEP).start().await;
    let server = server(&world).await.at(&host);
    let path = format!("/v1/contacts/{}", world.kevin.id);
    let mut requests = 0;
    let proof = loop {
        let response = server.deletes(&path).await;
        requests += 1;
        if response.status == 200 {
            break response.json();
        }
        assert_eq!(response.is(202).header("retry-after"), "1");
        world.kevin.gets("/v1/me").await.is(401);
        let acting = server.on_behalf_of(world.kevin.id);
        let refused = acting.gets("/v1/me").await;
        refused.fails(403, "on_behalf_of_refused", "On-Behalf-Of");
        assert!(requests < 100, "it does not end");
    };
    assert!(requests > 25, "{requests}");
    let erased = &proof["erased"];
    for (kind, count) in [
        ("tokens", 1),
        ("messages", 31),
        ("attachments", 2),
        ("files", 2),
        ("reactions", 2),
        ("conversations_left", 5),
        ("reads", 1),
        ("memberships", 5),
        ("blocks_by_others", 1),
        ("usernames", 2),
        ("contacts", 1),
    ] {
        assert_eq!(erased[kind], count, "{kind} of {erased}");
    }
    assert_erased(&world).await;
}

/// Lets this many calls of DynamoDB pass, then fails all others.
#[derive(Debug)]
struct FailAfter(AtomicUsize);

impl Intercept for FailAfter {
    fn name(&self) -> &'static str {
        "FailAfter"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let left = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        left.map(drop).map_err(|_| "interrupted".into())
    }
}

#[tokio::test]
async fn an_erasure_that_is_interrupted_again_and_again_ends() {
    let world = World::new().await;
    let_kevin_write(&world).await;
    let server = server(&world).await;
    let contact = ContactRef::Id(world.kevin.id);
    let mut requests = 0;
    loop {
        // Each number several times, so that most requests get a step further and few do more than that.
        let interrupt = FailAfter(AtomicUsize::new(requests / 5));
        let store = world.store().as_new_instance().with_interceptor(interrupt);
        let caller = Caller::with_token(&server.token);
        match store.erase_contact(&caller, &contact).await {
            Ok(ErasedContact::Finished(_)) => break,
            Ok(ErasedContact::Unfinished) | Err(_) => requests += 1,
        }
        assert!(requests < 1000, "it does not end");
    }
    assert!(requests > 50, "{requests}");
    assert_erased(&world).await;
    let id = world.kevin.id.to_string();
    assert!(is_empty(&server.erases(&id).await));
}

#[tokio::test]
async fn an_erasure_that_was_interrupted_is_reported_after_a_day() {
    let world = World::new().await;
    let server = server(&world).await;
    let contact = ContactRef::Id(world.kevin.id);
    // The key, an earlier erasure, and the transaction that stores this one.
    let interrupt = FailAfter(AtomicUsize::new(3));
    let store = world.store().as_new_instance().with_interceptor(interrupt);
    let caller = Caller::with_token(&server.token);
    store.erase_contact(&caller, &contact).await.unwrap_err();
    for (hours, expected) in [
        (23, vec![]),
        (25, vec![Inconsistency::UnfinishedErasure(world.kevin.id)]),
    ] {
        let found = world.inconsistencies_in(Duration::from_hours(hours)).await;
        assert_eq!(found, expected, "{hours}");
    }
}

#[tokio::test]
async fn several_erasures_of_a_contact_at_once_end_like_one() {
    let world = World::new().await;
    let_kevin_write(&world).await;
    let host = world.host().timeouts(ONE_STEP).start().await;
    let server = server(&world).await;
    let step_by_step = server.at(&host);
    let path = format!("/v1/contacts/{}", world.kevin.id);
    loop {
        let requests = [&step_by_step, &step_by_step, &server, &step_by_step];
        let requests = requests.map(|server| server.deletes(&path));
        let responses = join_all(requests).await;
        let statuses = responses.iter().map(|response| response.status.as_u16());
        let statuses: Vec<_> = statuses.collect();
        assert!(
            statuses.iter().all(|status| [200, 202].contains(status)),
            "{statuses:?}"
        );
        if statuses.contains(&200) {
            break;
        }
    }
    // Another one may have begun at the end.
    assert!(is_empty(&server.erases(&world.kevin.id.to_string()).await));
    assert_erased(&world).await;
}

#[tokio::test]
async fn what_is_written_during_an_erasure_is_erased_as_well() {
    let world = World::new().await;
    let_kevin_write(&world).await;
    let host = world.host().timeouts(ONE_STEP).start().await;
    let server = server(&world).await;
    let path = format!("/v1/contacts/{}", world.kevin.id);
    let step_by_step = server.at(&host);
    for _ in 0..15 {
        step_by_step.deletes(&path).await.is(202);
    }
    let changes = format!("suspended=false&username=Newest.{}", world.kevin.id);
    server.puts(&path, changes).await.is(200);
    let token = server.posts(&format!("{path}/tokens"), "").await.is(201);
    let kevin = world
        .kevin
        .with_token(token.json()["token"].as_str().unwrap());
    let group = kevin
        .creates_conversation(&[&world.buzz], "name=Late")
        .await;
    group.sends("I am still here").await;
    for _ in 0..100 {
        if step_by_step.deletes(&path).await.status == 200 {
            break;
        }
    }
    kevin.gets("/v1/me").await.is(401);
    server.gets(&path).await.is(404);
    assert_erased(&world).await;
}

#[tokio::test]
async fn an_erasure_ends_only_when_no_request_of_the_contact_can_be_running() {
    let world = World::new().await;
    let now = Arc::new(AtomicU64::new(Clock::system().now().0));
    let host = world.host().timeouts(Timeouts {
        in_flight: Timeouts::default().in_flight,
        ..LONG_TIMEOUTS
    });
    let server = server(&world).await.at(&host.clock_at(&now).start().await);
    let path = format!("/v1/contacts/{}", world.kevin.id);
    for seconds in [0, 8, 6] {
        now.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
        server.deletes(&path).await.is(202);
    }
    // What one has written that was running.
    world.kate.sends("hers").await;
    let mut late = world.items("MessagesTable").remove(0);
    late["contact_id"]["S"] = world.kevin.id.to_string().into();
    world.import_items("MessagesTable", vec![late]);
    now.fetch_add(2_000_000, Ordering::Relaxed);
    server.deletes(&path).await.is(202);
    // A request of another contact may still be running that has read what has just been erased.
    now.fetch_add(
        Timeouts::default().in_flight.as_secs() * 1_000_000,
        Ordering::Relaxed,
    );
    let proof = server.deletes(&path).await.is(200).json();
    assert_eq!(proof["erased"]["messages"], 1);
    assert_eq!(remaining(&world), Vec::<Value>::new());
}

#[tokio::test]
async fn a_contact_that_is_being_erased_cannot_be_added_or_blocked_any_more() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let pair = kate.creates_conversation(&[kevin], "").await;
    let group = kate.creates_conversation(&[&world.buzz], "name=Home").await;
    let host = world.host().timeouts(ONE_STEP).start().await;
    let server = server(&world).await.at(&host);
    let path = format!("/v1/contacts/{}", kevin.id);
    server.deletes(&path).await.is(202);
    group
        .adds_participant(kevin)
        .await
        .fails(404, "contact_not_found", "participants[]");
    let again = kate
        .tries_to_create_conversation(&[kevin], "name=Again")
        .await;
    again.fails(404, "contact_not_found", "participants[]");
    // The conversation that they have exists as long as it has not been erased.
    let existing = kate.tries_to_create_conversation(&[kevin], "").await;
    assert_eq!(existing.is(200).json()["id"], json!(pair.conversation));
    let block = format!("/v1/blocks/{}", kevin.id);
    kate.puts(&block, ())
        .await
        .fails(404, "contact_not_found", "id");
    for _ in 0..100 {
        if server.deletes(&path).await.status == 200 {
            break;
        }
    }
    assert_eq!(remaining(&world), Vec::<Value>::new());
}

#[tokio::test]
async fn nothing_that_reporters_wrote_about_a_contact_is_left() {
    let world = World::new().await;
    let server = server(&world).await;
    let id = world.kevin.sends("hello").await;
    let report = format!("/v1/messages/{id}/report");
    world
        .kate
        .posts(&report, "reason=Elm+Street+5")
        .await
        .is(201);
    let of_kate = world.kate.sends("hello").await;
    let report = format!("/v1/messages/{of_kate}/report");
    world
        .kevin
        .posts(&report, "reason=Elm+Street+6")
        .await
        .is(201);
    server.erases(&world.kevin.id.to_string()).await;
    assert_eq!(world.items("ReportsTable"), Vec::<Value>::new());
}
