//! `GET /v1/me`

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::World;

#[tokio::test]
async fn the_callers_contact_is_returned_with_its_phone_number() {
    let world = World::new().await;
    let me = world.kevin.gets("/v1/me").await.is(200).json();
    assert_eq!(
        (&me["id"], &me["username"]),
        (&json!(world.kevin.id), &json!(world.kevin.username))
    );
    assert_eq!(me["phone_number"], world.kevin.phone_number());
    assert_eq!(me["avatar_url"], Value::Null);
    let keys: BTreeSet<_> = me.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "avatar_url",
        "created_at",
        "external_id",
        "id",
        "last_active_at",
        "metadata",
        "phone_number",
        "suspended_at",
        "unread_count",
        "username",
    ];
    assert_eq!(keys, BTreeSet::from(expected));
}

#[tokio::test]
async fn unread_messages_of_all_open_conversations_are_counted_together() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let unread = async || kate.gets("/v1/me").await.is(200).json()["unread_count"].clone();
    assert_eq!(unread().await, 0);
    let first = kevin.sends("one").await;
    kevin.sends("two").await;
    let group = world
        .linnie
        .creates_conversation(&[kate], "name=Home")
        .await;
    group.sends("three").await;
    assert_eq!(unread().await, 3);
    let single = kate.lists_conversations("").await.is(200).json();
    let single = single["data"].as_array().unwrap();
    let sum: u64 = single
        .iter()
        .map(|it| it["unread_count"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, 3);
    // Requests of strangers do not count until they are accepted.
    let stranger = world.new_person("one").await;
    let request = stranger.creates_conversation(&[kate], "").await;
    request.sends("four").await;
    assert_eq!(unread().await, 3);
    kate.within(request.conversation).accepts().await.is(200);
    assert_eq!(unread().await, 4);
    kate.updates_conversation(&format!("read_up_to={first}"))
        .await
        .is(200);
    assert_eq!(unread().await, 3);
    kate.sends("read all").await;
    assert_eq!(unread().await, 2);
    kate.within(group.conversation)
        .leaves_conversation()
        .await
        .is(204);
    assert_eq!(unread().await, 1);
}

#[tokio::test]
async fn an_unknown_parameter_returns_400() {
    let world = World::new().await;
    world
        .kevin
        .gets("/v1/me?verbose=1")
        .await
        .fails(400, "parameter_unknown", "verbose");
}
