//! `DELETE /v1/messages/:id`

use reqwest::Method;
use serde_json::Value;

use crate::harness::World;

#[tokio::test]
async fn a_deleted_message_is_gone() {
    let world = World::new().await;
    let id = world.kevin.sends("oops").await;
    world.kate.reacts(&id, "heart").await.is(200);
    let response = world.kevin.deletes_message(&id).await.is(204);
    assert_eq!(response.json(), Value::Null);
    for person in [&world.kevin, &world.kate, &world.linnie] {
        person
            .gets_message(&id)
            .await
            .fails(404, "message_not_found", "id");
        assert!(person.lists_messages("").await.is(200).ids().is_empty());
        assert!(person.lists_inbox("").await.is(200).ids().is_empty());
    }
}

#[tokio::test]
async fn deleting_again_returns_204_and_a_non_participant_gets_404() {
    let world = World::new().await;
    let id = world.kevin.sends("oops").await;
    world.kevin.deletes_message(&id).await.is(204);
    world.kevin.deletes_message(&id).await.is(204);
    world.kate.deletes_message(&id).await.is(204);
    world
        .buzz
        .deletes_message(&id)
        .await
        .fails(404, "message_not_found", "id");
}

#[tokio::test]
async fn a_delete_by_another_participant_returns_403() {
    let world = World::new().await;
    let id = world.kevin.sends("mine").await;
    world
        .kate
        .deletes_message(&id)
        .await
        .fails(403, "not_the_author", ());
    world.kate.gets_message(&id).await.is(200);
}

#[tokio::test]
async fn a_body_returns_400_and_deletes_nothing() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    world
        .kevin
        .requests(Method::DELETE, &format!("/v1/messages/{id}"), &[], "x=1")
        .await
        .fails(400, "malformed_request", ());
    world.kevin.gets_message(&id).await.is(200);
}
