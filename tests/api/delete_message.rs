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

#[tokio::test]
async fn an_author_can_delete_a_message_after_having_left() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate, &world.linnie], "name=Home")
        .await;
    let (kate, linnie) = (
        world.kate.within(kevin.conversation),
        world.linnie.within(kevin.conversation),
    );
    let [of_kate, of_linnie] = [kate.sends("mine").await, linnie.sends("hers").await];
    kate.leaves_conversation().await.is(204);
    kevin.removes_participant(&linnie).await.is(204);
    // Not what others wrote, and nothing but deleting.
    for (person, message) in [
        (&kate, &of_linnie),
        (&linnie, &of_kate),
        (&world.buzz, &of_kate),
    ] {
        let response = person.deletes_message(message).await;
        response.fails(404, "message_not_found", "id");
    }
    kate.gets_message(&of_kate).await.is(404);
    kate.updates_message(&of_kate, "message=edited")
        .await
        .is(404);
    // No response depends on the version, which would tell whether others have reacted.
    for tag in ["\"1-0\"", "\"99-0\""] {
        let path = format!("/v1/messages/{of_kate}");
        let headers = [("if-match", tag)];
        let refused = kate.requests(Method::DELETE, &path, &headers, ()).await;
        refused.fails(404, "message_not_found", "id");
    }
    assert_eq!(kevin.gets_message(&of_kate).await.json()["message"], "mine");
    kate.deletes_message(&of_kate).await.is(204);
    linnie.deletes_message(&of_linnie).await.is(204);
    assert!(kevin.lists_messages("").await.texts().is_empty());
    assert!(
        !kevin
            .lists_inbox("limit=100")
            .await
            .ids()
            .contains(&of_kate)
    );
    kate.deletes_message(&of_kate).await.is(404);
}
