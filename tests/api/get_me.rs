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
        "phone_number",
        "suspended_at",
        "username",
    ];
    assert_eq!(keys, BTreeSet::from(expected));
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
