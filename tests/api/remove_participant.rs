//! `DELETE /v1/conversations/:id/participants/:contact_id`

use crate::harness::World;

#[tokio::test]
async fn a_removed_participant_loses_access_until_added_again() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate, &world.linnie], "name=Home")
        .await;
    let kate = world.kate.within(kevin.conversation);
    kate.sends("hello").await;
    kevin.removes_participant(&world.kate).await.is(204);
    kate.gets_conversation().await.is(404);
    assert!(kate.lists_inbox("").await.texts().is_empty());
    kevin.removes_participant(&world.kate).await.is(204);
    kevin
        .removes_participant(&world.buzz)
        .await
        .fails(404, "contact_not_found", "contact_id");
    let path = format!(
        "/v1/conversations/{}/participants/nonsense",
        kevin.conversation
    );
    let response = kevin
        .requests(reqwest::Method::DELETE, &path, &[], ())
        .await;
    response.fails(404, "contact_not_found", "contact_id");
    kevin.adds_participant(&world.kate).await.is(200);
    assert_eq!(kate.lists_messages("").await.is(200).texts(), ["hello"]);
    assert!(
        kate.lists_inbox("").await.texts().is_empty(),
        "the inbox does not get earlier messages back"
    );
}

#[tokio::test]
async fn participants_can_remove_themselves() {
    let world = World::new().await;
    world.kate.removes_participant(&world.kate).await.is(204);
    world.kate.gets_conversation().await.is(404);
    world.kate.removes_participant(&world.kate).await.is(204);
    let buzz = world.buzz.within(world.conversation);
    buzz.removes_participant(&world.buzz)
        .await
        .fails(404, "conversation_not_found", "id");
}

#[tokio::test]
async fn only_the_creator_of_a_named_conversation_removes_participants() {
    let world = World::new().await;
    let named = world
        .kevin
        .creates_conversation(&[&world.kate], "name=Home")
        .await;
    let kate = world.kate.within(named.conversation);
    kate.removes_participant(&world.kevin)
        .await
        .fails(403, "not_the_creator", ());
    named.gets_conversation().await.is(200);
    let unnamed = world
        .kevin
        .creates_conversation(&[&world.kate, &world.linnie], "")
        .await;
    unnamed
        .removes_participant(&world.kate)
        .await
        .fails(403, "conversation_without_name", ());
    assert_eq!(
        unnamed.gets_conversation().await.json()["contacts"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}
