//! `POST /v1/tokens`

use serde_json::{Value, json};

use crate::harness::World;

#[tokio::test]
async fn a_new_token_works_and_is_returned_only_once() {
    let world = World::new().await;
    let created = world
        .kevin
        .posts("/v1/tokens", "label=laptop")
        .await
        .is(201)
        .json();
    let secret = created["token"].as_str().unwrap();
    assert_eq!(
        (&created["label"], &created["expires_at"]),
        (&json!("laptop"), &Value::Null)
    );
    let laptop = world.kevin.with_token(secret);
    assert_eq!(
        laptop.gets("/v1/me").await.is(200).json()["id"],
        json!(world.kevin.id)
    );
    let list = laptop.gets("/v1/tokens").await.is(200);
    assert!(!list.text.contains(secret));
    let mut listed = list.json()["data"][0].clone();
    assert!(listed["last_used_at"].take().is_u64());
    let mut expected = created.clone();
    expected.as_object_mut().unwrap().remove("token");
    assert_eq!(listed, expected, "newest first");
    assert_eq!(created["issued_with"], list.ids()[1]);
    assert_eq!(list.ids().len(), 2);
}

#[tokio::test]
async fn a_label_is_stored_in_nfc() {
    let world = World::new().await;
    let created = world.kevin.posts("/v1/tokens", "label=e%CC%81").await;
    assert_eq!(created.is(201).json()["label"], "é");
    let created = world.kevin.posts("/v1/tokens", "label=").await;
    assert_eq!(created.is(201).json()["label"], "");
}

#[tokio::test]
async fn a_token_cannot_outlive_the_token_that_creates_it() {
    let world = World::new().await;
    let short = world
        .kevin
        .posts("/v1/tokens", "expires_in=3600")
        .await
        .is(201)
        .json();
    let kevin = world.kevin.with_token(short["token"].as_str().unwrap());
    let long = kevin.posts("/v1/tokens", "expires_in=7200").await;
    long.fails(400, "parameter_invalid", "expires_in");
    let as_long = kevin
        .posts("/v1/tokens", "label=as+long")
        .await
        .is(201)
        .json();
    assert_eq!(as_long["expires_at"], short["expires_at"]);
    let shorter = kevin
        .posts("/v1/tokens", "expires_in=60")
        .await
        .is(201)
        .json();
    assert!(shorter["expires_at"].as_u64() < short["expires_at"].as_u64());
}

#[tokio::test]
async fn invalid_parameters_return_400_and_create_nothing() {
    let world = World::new().await;
    for (form, code, param) in [
        ("expires_in=0", "parameter_invalid", "expires_in"),
        ("expires_in=315360001", "parameter_invalid", "expires_in"),
        ("expires_in=soon", "parameter_invalid", "expires_in"),
        ("label=%0A", "parameter_invalid", "label"),
        ("label=+", "parameter_invalid", "label"),
        ("label=a%E2%80%AEb", "parameter_invalid", "label"),
        ("scope=all", "parameter_unknown", "scope"),
    ] {
        world
            .kevin
            .posts("/v1/tokens", form)
            .await
            .fails(400, code, param);
    }
    assert_eq!(
        world.kevin.gets("/v1/tokens").await.ids().len(),
        1,
        "no token was created"
    );
}

#[tokio::test]
async fn a_contact_has_at_most_a_hundred_tokens() {
    let world = World::new().await;
    let (last, laptop) = world.kevin.creates_token("").await;
    for _ in 2..100 {
        laptop.creates_token("expires_in=3600").await;
    }
    for person in [&world.kevin, &laptop] {
        let refused = person.posts("/v1/tokens", "").await;
        refused.fails(409, "too_many_tokens", ());
    }
    let listed = world.kevin.gets("/v1/tokens?limit=100").await.is(200);
    assert_eq!(
        (listed.ids().len(), &listed.json()["has_more"]),
        (100, &json!(false))
    );
    world.kate.creates_token("").await;
    world.kevin.revokes_token(&listed.ids()[0]).await.is(204);
    world.kevin.creates_token("").await;
    world
        .kevin
        .posts("/v1/tokens", "")
        .await
        .fails(409, "too_many_tokens", ());
    world.kevin.revokes_token(&last).await.is(204);
    world.kevin.creates_token("").await;
}
