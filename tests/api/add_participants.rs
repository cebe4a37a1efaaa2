//! `POST /v1/conversations/:id/participants`

use crate::harness::World;

#[tokio::test]
async fn a_new_participant_sees_earlier_messages_and_receives_later_ones() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate], "name=Home")
        .await;
    kevin.sends("before").await;
    let seen = kevin.adds_participant(&world.buzz).await.is(200).json();
    assert_eq!(seen["contacts"].as_array().unwrap().len(), 3);
    let buzz = world.buzz.within(kevin.conversation);
    assert_eq!(
        buzz.gets_conversation().await.is(200).json()["unread_count"],
        0
    );
    assert_eq!(buzz.lists_messages("").await.texts(), ["before"]);
    let before = buzz.lists_messages("").await.ids().remove(0);
    let read = format!("read_up_to={before}");
    let marked = buzz.updates_conversation(&read).await.is(200).json();
    assert!(marked["last_message"]["read_at"].is_u64());
    assert!(buzz.lists_inbox("").await.texts().is_empty());
    buzz.accepts().await;
    kevin.sends("after").await;
    assert_eq!(buzz.lists_messages("").await.texts(), ["after", "before"]);
    assert_eq!(buzz.lists_inbox("").await.texts(), ["after"]);
    assert_eq!(buzz.gets_conversation().await.json()["unread_count"], 1);
    assert_eq!(
        buzz.lists_conversations("").await.ids()[0],
        kevin.conversation.to_string()
    );
}

#[tokio::test]
async fn adding_an_existing_participant_changes_nothing() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate], "name=Home")
        .await;
    world
        .kate
        .within(kevin.conversation)
        .updates_conversation("is_pinned=true")
        .await
        .is(200);
    kevin.adds_participant(&world.kate).await.is(200);
    let seen = world
        .kate
        .within(kevin.conversation)
        .gets_conversation()
        .await
        .json();
    assert_eq!(seen["is_pinned"], true);
    assert_eq!(seen["contacts"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn only_the_creator_of_a_named_conversation_adds_participants() {
    let world = World::new().await;
    let named = world
        .kevin
        .creates_conversation(&[&world.kate], "name=Home")
        .await;
    let kate = world.kate.within(named.conversation);
    kate.adds_participant(&world.buzz)
        .await
        .fails(403, "not_the_creator", ());
    let unnamed = world
        .kevin
        .creates_conversation(&[&world.kate, &world.linnie], "")
        .await;
    unnamed
        .adds_participant(&world.buzz)
        .await
        .fails(403, "conversation_without_name", ());
    assert_eq!(
        unnamed.gets_conversation().await.json()["contacts"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let kates = world.kate.within(unnamed.conversation);
    kates
        .adds_participant(&world.buzz)
        .await
        .fails(403, "not_the_creator", ());
    named.leaves_conversation().await.is(204);
    kate.adds_participant(&world.buzz).await.is(200);
}

#[tokio::test]
async fn concurrent_adds_are_all_applied() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate], "name=Home")
        .await;
    let crowd = world.crowd(20).await;
    let adds = crowd.iter().map(|one| kevin.adds_participant(one));
    for response in futures_util::future::join_all(adds).await {
        response.is(200);
    }
    assert_eq!(
        kevin.gets_conversation().await.json()["contacts"]
            .as_array()
            .unwrap()
            .len(),
        22
    );
    for one in &crowd {
        one.within(kevin.conversation).accepts().await;
    }
    kevin.sends("welcome").await;
    for one in &crowd {
        assert!(
            one.lists_inbox("")
                .await
                .texts()
                .contains(&"welcome".to_owned())
        );
    }
}
