//! Tests that set the clock: expiry, timestamps, equal timestamps, and hosts whose clocks differ.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::Value;
use shared::caller::Caller;
use shared::store::Admin;
use shared::time::{Clock, Micros, Seconds};
use shared::token::Label;

use crate::harness::World;

#[tokio::test]
async fn a_token_is_valid_until_the_second_of_its_expiry() {
    let world = World::new().await;
    let token = Caller::with_token("short");
    Admin::new(world.store().clone())
        .import_token(
            &token,
            world.kevin.id,
            Label::default(),
            Some(Seconds(1000)),
        )
        .await
        .unwrap();
    let kevin = world.kevin.with_token("short");
    let before = world.host().clock(|| Micros(999_999_999)).start().await;
    kevin.at(&before).lists_messages("").await.is(200);
    let after = world.host().clock(|| Micros(1_000_000_000)).start().await;
    kevin
        .at(&after)
        .lists_messages("")
        .await
        .fails(401, "token_invalid", ());
    assert!(Clock::system().now() > Micros(1_000_000_000));
    kevin
        .lists_messages("")
        .await
        .fails(401, "token_invalid", ());
}

#[tokio::test]
async fn an_edit_sets_updated_at() {
    let world = World::new().await;
    let id = world.kevin.sends("helo").await;
    let later = world
        .host()
        .clock(|| Micros(5_000_000_000_000_000))
        .start()
        .await;
    let edited = world
        .kevin
        .at(&later)
        .updates_message(&id, "message=hello")
        .await
        .is(200)
        .json();
    assert_eq!(edited["message"], "hello");
    assert_eq!(edited["updated_at"], 5_000_000_000_u64);
    let mut read = world.kate.gets_message(&id).await.json();
    // Written concurrently with the response to the edit.
    read["contact"]["last_active_at"] = edited["contact"]["last_active_at"].clone();
    assert_eq!(read, edited);
}

#[tokio::test]
async fn repeating_a_reaction_changes_nothing() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    let first = world.kate.reacts(&id, "heart").await.is(200).json();
    let later = world
        .host()
        .clock(|| Micros(5_000_000_000_000_000))
        .start()
        .await;
    assert_eq!(
        world
            .kate
            .at(&later)
            .reacts(&id, "heart")
            .await
            .is(200)
            .json(),
        first
    );
}

#[tokio::test]
async fn read_at_is_set_once_by_the_first_participant_other_than_the_author() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    assert_eq!(
        world
            .kevin
            .updates_message(&id, "read=true")
            .await
            .is(200)
            .json()["read_at"],
        Value::Null
    );
    let now = world
        .host()
        .clock(|| Micros(2_000_000_000_000_000))
        .start()
        .await;
    let read = world
        .kate
        .at(&now)
        .updates_message(&id, "read=true")
        .await
        .is(200)
        .json();
    assert_eq!(read["read_at"], 2_000_000_000_u64);
    let later = world
        .host()
        .clock(|| Micros(3_000_000_000_000_000))
        .start()
        .await;
    assert_eq!(
        world
            .linnie
            .at(&later)
            .updates_message(&id, "read=true")
            .await
            .is(200)
            .json(),
        read
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_sends_in_the_same_microsecond_are_all_stored() {
    let world = World::new().await;
    let stopped = world.host().clock(|| Micros(1_000_000)).start().await;
    let kevin = world.kevin.at(&stopped);
    let ids: BTreeSet<_> = join_all((0..100).map(|_| kevin.sends("now")))
        .await
        .into_iter()
        .collect();
    assert_eq!(ids.len(), 100);
    assert_eq!(
        world
            .kate
            .lists_messages("limit=100")
            .await
            .ids()
            .into_iter()
            .collect::<BTreeSet<_>>(),
        ids
    );
}

#[tokio::test]
async fn a_send_acknowledged_before_another_began_sorts_first_despite_clock_skew() {
    let world = World::new().await;
    let hour = 3_600_000_000;
    let now = Clock::system().now().0;
    let behind = world.host().clock(move || Micros(now - hour)).start().await;
    let ahead = world.host().clock(move || Micros(now + hour)).start().await;
    let mut sent = Vec::new();
    for url in [
        &ahead,
        &behind,
        &world.kevin.url.clone(),
        &behind,
        &ahead,
        &behind,
    ] {
        sent.push(world.kevin.at(url).sends("next").await);
    }
    assert!(sent.is_sorted(), "{sent:?}");
    sent.reverse();
    assert_eq!(world.kate.lists_messages("").await.ids(), sent);
    assert_eq!(world.kate.lists_inbox("").await.ids(), sent);
}

#[tokio::test]
async fn paging_lists_messages_of_the_same_microsecond_once_each() {
    let world = World::new().await;
    let host = world
        .host()
        .clock(|| shared::time::Micros(1_000_000))
        .start()
        .await;
    let other = world.new_conversation(&[&world.kevin, &world.kate]).await;
    let mut sent = BTreeSet::new();
    for conversation in [world.conversation, other] {
        for _ in 0..5 {
            sent.insert(
                world
                    .kevin
                    .at(&host)
                    .within(conversation)
                    .sends("same time")
                    .await,
            );
        }
    }
    let mut seen = world.kate.lists_inbox("limit=1").await.ids();
    while let [id] = &world
        .kate
        .lists_inbox(&format!("limit=1&starting_after={}", seen[seen.len() - 1]))
        .await
        .ids()[..]
    {
        seen.push(id.clone());
    }
    assert_eq!(seen.len(), 10);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), sent);
}

#[tokio::test]
async fn messages_whose_predecessor_was_deleted_get_random_ids() {
    let world = World::new().await;
    let stopped = world.host().clock(|| Micros(1_000_000)).start().await;
    let kevin = world.kevin.at(&stopped);
    kevin.sends("newest").await;
    let mut ids = BTreeSet::new();
    for _ in 0..5 {
        let id = kevin.sends("oops").await;
        kevin.deletes_message(&id).await.is(204);
        ids.insert(id);
    }
    // One of 999 microseconds each time: two can be equal by chance (1 %), all five cannot (1 in 10^12).
    assert!(ids.len() > 1, "{ids:?}");
}

#[tokio::test]
async fn unread_count_is_correct_despite_clock_skew() {
    let world = World::new().await;
    let now = Clock::system().now().0;
    let behind = world
        .host()
        .clock(move || Micros(now - 3_600_000_000))
        .start()
        .await;
    let ahead = world
        .host()
        .clock(move || Micros(now + 3_600_000_000))
        .start()
        .await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate], "name=Home")
        .await;
    kevin.at(&behind).sends("hello").await;
    let kate = world.kate.within(kevin.conversation);
    assert_eq!(kate.gets_conversation().await.json()["unread_count"], 1);
    kevin.at(&ahead).sends("early").await;
    kevin.adds_participant(&world.buzz).await.is(200);
    let buzz = world.buzz.within(kevin.conversation);
    assert_eq!(
        buzz.gets_conversation().await.json()["unread_count"],
        0,
        "it was sent before he joined"
    );
    kevin.sends("late").await;
    assert_eq!(buzz.gets_conversation().await.json()["unread_count"], 1);
}

#[tokio::test]
async fn an_idempotency_key_is_valid_for_24_hours() {
    const DAY: u64 = 24 * 60 * 60 * 1_000_000;
    let world = World::new().await;
    let second = Clock::system().now().0 / 1_000_000 * 1_000_000;
    for start in [second, second + 999_999] {
        let at = async |microseconds: u64| {
            let host = world
                .host()
                .clock(move || Micros(start + microseconds))
                .start()
                .await;
            let kevin = world.kevin.at(&host);
            kevin
                .sends_with_key(&start.to_string(), "hello")
                .await
                .is(201)
        };
        let first = at(0).await;
        let replayed = at(DAY - 1).await;
        assert_eq!(replayed.json()["id"], first.json()["id"]);
        let expired = at(DAY + 1_000_000).await;
        assert_ne!(expired.json()["id"], first.json()["id"]);
        assert_eq!(expired.header("idempotent-replayed"), "");
        let replayed_again = at(DAY + 2_000_000).await;
        assert_eq!(replayed_again.json()["id"], expired.json()["id"]);
    }
}
