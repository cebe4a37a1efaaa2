//! `DELETE /v1/conversations/:id`

use crate::harness::World;

#[tokio::test]
async fn leaving_hides_the_conversation_only_from_the_caller() {
    let world = World::new().await;
    let own = world.kate.sends("mine").await;
    world.kevin.sends("yours").await;
    let other = world.kate.creates_conversation(&[&world.buzz], "").await;
    other.sends("elsewhere").await;
    world.kate.leaves_conversation().await.is(204);
    world
        .kate
        .gets_conversation()
        .await
        .fails(404, "conversation_not_found", "id");
    world.kate.lists_messages("").await.is(404);
    world.kate.tries_to_send("still here?").await.is(404);
    world.kate.gets_message(&own).await.is(404);
    assert_eq!(world.kate.lists_inbox("").await.texts(), ["elsewhere"]);
    assert_eq!(
        world.kate.lists_conversations("").await.ids(),
        [other.conversation.to_string()]
    );
    assert_eq!(
        world.kevin.lists_messages("").await.texts(),
        ["yours", "mine"]
    );
    assert_eq!(
        world.kevin.gets_conversation().await.json()["contacts"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    world.kevin.sends("she is gone").await;
    assert_eq!(world.kate.lists_inbox("").await.texts(), ["elsewhere"]);
}

#[tokio::test]
async fn leaving_again_returns_204_and_a_non_participant_gets_404() {
    let world = World::new().await;
    world.kate.leaves_conversation().await.is(204);
    world.kate.leaves_conversation().await.is(204);
    let buzz = world.buzz.within(world.conversation);
    buzz.leaves_conversation()
        .await
        .fails(404, "conversation_not_found", "id");
}

#[tokio::test]
async fn the_last_participant_to_leave_deletes_all_messages() {
    let world = World::new().await;
    let ids = [world.kevin.sends("1").await, world.kate.sends("2").await];
    for person in [&world.kevin, &world.kate, &world.linnie] {
        person.leaves_conversation().await.is(204);
    }
    for id in ids {
        world
            .linnie
            .gets_message(&id)
            .await
            .fails(404, "message_not_found", "id");
    }
    assert!(world.linnie.lists_inbox("").await.texts().is_empty());
    world.linnie.leaves_conversation().await.is(204);
}

#[tokio::test]
async fn concurrent_leaves_all_return_204() {
    for _ in 0..5 {
        // Another world each time: who has left cannot be asked again.
        let world = World::new().await;
        let participants = [&world.kevin, &world.kate, &world.linnie];
        let kevin = world
            .kevin
            .creates_conversation(&participants, "name=Short")
            .await;
        kevin.sends("hello").await;
        let leaves = participants.map(|person| {
            let person = person.within(kevin.conversation);
            async move { person.leaves_conversation().await }
        });
        for response in futures_util::future::join_all(leaves).await {
            response.is(204);
        }
        kevin.gets_conversation().await.is(404);
        assert!(world.kevin.lists_inbox("").await.texts().is_empty());
    }
}
