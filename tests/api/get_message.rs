//! `GET /v1/messages/:id`

use crate::harness::World;

#[tokio::test]
async fn a_message_is_the_same_when_created_read_and_listed() {
    let world = World::active().await;
    let sent = world.kevin.tries_to_send("hello").await.is(201).json();
    let id = sent["id"].as_str().unwrap();
    assert_eq!(world.kate.gets_message(id).await.is(200).json(), sent);
    assert_eq!(
        world.kate.lists_messages("").await.is(200).json()["data"][0],
        sent
    );
    assert_eq!(
        world.kate.lists_inbox("").await.is(200).json()["data"][0],
        sent
    );
}

#[tokio::test]
async fn a_malformed_id_returns_404() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    let longer = format!("{id}0");
    let lower = id.to_lowercase();
    for other in [
        "1",
        "%20",
        "%FF",
        &id[1..],
        &longer,
        &lower,
        &"x".repeat(3000),
    ] {
        if *other != id {
            world
                .kevin
                .gets_message(other)
                .await
                .fails(404, "message_not_found", "id");
        }
    }
}

#[tokio::test]
async fn an_id_with_a_slash_returns_404() {
    let world = World::new().await;
    // API Gateway may decode it as part of the path or of the id.
    for other in ["a/b", "a%2Fb", "..%2F.."] {
        world.kevin.gets_message(other).await.is(404);
    }
}

#[tokio::test]
async fn an_unknown_parameter_returns_400() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    world
        .kevin
        .gets_message(&format!("{id}?verbose=1"))
        .await
        .fails(400, "parameter_unknown", "verbose");
}
